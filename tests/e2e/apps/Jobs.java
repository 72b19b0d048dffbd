// A server whose work goes through executors: "/KIND/NAME" sends requests to URL/NAME. On standard output: what the
// program sees of its own executors, and then where it listens.

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

class Jobs {
	static String url;
	static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
	static final ExecutorService POOL = Executors.newFixedThreadPool(4);
	static final ScheduledExecutorService TIMERS = Executors.newScheduledThreadPool(2);

	static CompletableFuture<String> start(String name) {
		return CLIENT.sendAsync(HttpRequest.newBuilder(URI.create(url + "/" + name)).build(),
			HttpResponse.BodyHandlers.ofString()).thenApply(HttpResponse::body);
	}

	static String call(String name) {
		return start(name).join();
	}

	static String work(String kind, String name) throws Exception {
		switch (kind) {
		case "async":
			List<CompletableFuture<String>> all =
				IntStream.range(0, 2).mapToObj(n -> start(name)).collect(Collectors.toList());
			return all.stream().map(CompletableFuture::join).collect(Collectors.joining());
		case "pool":
			return POOL.submit(() -> call(name) + call(name)).get();
		case "late":
			return TIMERS.schedule(() -> call(name) + call(name), 2, TimeUnit.MILLISECONDS).get();
		default:
			return "quick";
		}
	}

	static void serve(HttpExchange exchange) throws IOException {
		String[] path = exchange.getRequestURI().getPath().split("/", 3);
		byte[] body;
		try {
			body = work(path[1], path[2]).getBytes();
		} catch (Exception e) {
			body = e.toString().getBytes();
		}
		exchange.sendResponseHeaders(200, body.length);
		exchange.getResponseBody().write(body);
		exchange.close();
	}

	// Jobs are the program's own objects: found, taken out and given back as they went in.
	static void look() throws Exception {
		CountDownLatch busy = new CountDownLatch(1), go = new CountDownLatch(1);
		ThreadPoolExecutor one = new ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>()) {
			@Override
			protected void beforeExecute(Thread thread, Runnable job) {
				super.beforeExecute(thread, job);
				busy.countDown();
			}
		};
		one.execute(() -> {
			try {
				go.await();
			} catch (InterruptedException e) {
				Thread.currentThread().interrupt();
			}
		});
		busy.await();
		Runnable job = () -> System.out.println("run"), other = () -> System.out.println("never");
		one.execute(job);
		one.execute(job);
		one.execute(other);
		System.out.println(one.getQueue().contains(job) + " " + one.remove(other) + " " + one.getQueue().size());
		try {
			one.execute(null);
		} catch (NullPointerException e) {
			StackTraceElement[] trace = e.getStackTrace();
			System.out.println(trace[trace.length - 3].getMethodName());
		}
		System.out.println(one.shutdownNow().get(1) == job);
		System.out.println(ThreadPoolExecutor.class.getDeclaredMethods().length > 0);
	}

	public static void main(String[] arguments) throws Exception {
		url = arguments[0];
		HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 100);
		server.setExecutor(Executors.newFixedThreadPool(16));
		server.createContext("/", Jobs::serve);
		server.start();
		look();
		System.out.println("listening on " + server.getAddress().getPort());
	}
}
