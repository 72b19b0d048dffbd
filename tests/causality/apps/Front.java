// A JVM's HttpServer with an executor, and HttpClient: GET /KIND/ID makes its calls to /KIND/ID/0, /1, ... Environment:
// as front_flask.py.

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

public class Front {
	static final String[] BACKENDS = System.getenv("BACKENDS").split(",");
	static final String[] DATABASE = System.getenv("DATABASE").split(":");
	static final long TICK = (long) (1000 * Double.parseDouble(System.getenv("TICK")));
	static final ExecutorService WORKERS = Executors.newFixedThreadPool(16);
	static final ExecutorService POOL = Executors.newFixedThreadPool(16);
	static final HttpClient CLIENT =
		HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).executor(Executors.newCachedThreadPool()).build();

	static HttpRequest request(String path, int n) {
		return HttpRequest.newBuilder(URI.create("http://" + BACKENDS[n % BACKENDS.length] + path + "/" + n)).build();
	}

	static int call(String path, int n) {
		try {
			return CLIENT.send(request(path, n), HttpResponse.BodyHandlers.ofString()).statusCode();
		} catch (IOException | InterruptedException e) {
			return 0;
		}
	}

	static CompletableFuture<Integer> start(String path, int n) {
		return CLIENT.sendAsync(request(path, n), HttpResponse.BodyHandlers.ofString())
			.handle((answer, trouble) -> trouble == null ? answer.statusCode() : 0);
	}

	static void query() throws IOException {
		try (Socket link = new Socket(DATABASE[0], Integer.parseInt(DATABASE[1]))) {
			link.getOutputStream().write("select\n".getBytes());
			link.getInputStream().read(new byte[100]);
		}
	}

	static List<Integer> seq(String path, int count) {
		return IntStream.range(0, count).mapToObj(n -> call(path, n)).collect(Collectors.toList());
	}

	static List<Integer> work(String kind, String path) throws Exception {
		switch (kind) {
		case "one":
			return seq(path, 1);
		case "seq":
			return seq(path, 3);
		case "nap":
			Thread.sleep(3);
			return seq(path, 2);
		case "db":
			query();
			return seq(path, 2);
		case "fan":
			List<CompletableFuture<Integer>> all =
				IntStream.range(0, 3).mapToObj(n -> start(path, n)).collect(Collectors.toList());
			return all.stream().map(CompletableFuture::join).collect(Collectors.toList());
		case "hand":
			return POOL.submit(() -> seq(path, 2)).get();
		default:
			throw new IllegalArgumentException(kind);
		}
	}

	static void serve(HttpExchange exchange) throws IOException {
		String path = exchange.getRequestURI().getPath();
		byte[] body;
		try {
			body = work(path.split("/")[1], path).toString().getBytes();
		} catch (Exception e) {
			body = e.toString().getBytes();
		}
		exchange.sendResponseHeaders(200, body.length);
		exchange.getResponseBody().write(body);
		exchange.close();
	}

	static void tick() {
		try {
			for (int n = 0;; n++) {
				Thread.sleep(TICK);
				call("/tick/" + n, 0);
			}
		} catch (InterruptedException e) {
			Thread.currentThread().interrupt();
		}
	}

	public static void main(String[] args) throws IOException {
		HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 512);
		server.createContext("/", Front::serve);
		server.setExecutor(WORKERS);
		server.start();
		if (TICK > 0) {
			Thread ticker = new Thread(Front::tick);
			ticker.setDaemon(true);
			ticker.start();
		}
		System.out.println("listening on " + server.getAddress().getPort());
	}
}
