// A server with an executor that calls another: "/call/NAME" sends one request to URL/NAME, "/twice/NAME" two.

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.Executors;

class Front {
	static String url;
	static final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

	static String call(String name) throws IOException, InterruptedException {
		return client.send(HttpRequest.newBuilder(URI.create(url + "/" + name)).build(), BodyHandlers.ofString()).body();
	}

	static void serve(HttpExchange exchange) throws IOException {
		String[] path = exchange.getRequestURI().getPath().split("/", 3);
		String text = "quick";
		try {
			if (path[1].equals("call") || path[1].equals("twice"))
				text = call(path[2]);
			if (path[1].equals("twice"))
				text = call(path[2]);
		} catch (InterruptedException e) {
			text = "interrupted";
		}
		byte[] body = text.getBytes();
		exchange.sendResponseHeaders(200, body.length);
		exchange.getResponseBody().write(body);
		exchange.close();
	}

	public static void main(String[] arguments) throws IOException {
		url = arguments[0];
		HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 100);
		server.setExecutor(Executors.newFixedThreadPool(16));
		server.createContext("/", Front::serve);
		server.start();
		System.out.println("listening on " + server.getAddress().getPort());
	}
}
