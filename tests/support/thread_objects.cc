/*
 * Objects that live as long as their thread, or the program, and make a request to the program
 * itself when they are destroyed. Says how many were.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

static std::atomic<int> requests;

static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	_exit(9);
}

static void one_request()
{
	static const char request[] = "GET /object HTTP/1.1\r\nHost: self.example\r\n\r\n";
	static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	char buf[500];
	sockaddr_in here{};
	socklen_t len = sizeof(here);
	here.sin_family = AF_INET;
	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	auto addr = reinterpret_cast<sockaddr *>(&here);
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	must(bind(listener, addr, len) == 0 && listen(listener, 1) == 0, "listen");
	must(getsockname(listener, addr, &len) == 0 && connect(client, addr, len) == 0, "connect");
	int server = accept(listener, nullptr, nullptr);
	must(write(client, request, sizeof(request) - 1) > 0, "ask");
	must(read(server, buf, sizeof(buf)) > 0, "take");
	must(write(server, response, sizeof(response) - 1) > 0, "answer");
	must(read(client, buf, sizeof(buf)) > 0, "hear");
	close(client), close(server), close(listener);
	requests++;
}

struct Farewell {
	int touched = 0;
	~Farewell() { one_request(); }
};

struct Count {
	~Count()
	{
		one_request();
		printf("%d requests\n", requests.load());
	}
};

static Count last; /* destroyed when main has returned, behind what main's thread has */
static thread_local Farewell first, second;

static void *leave(void *by_exit)
{
	first.touched = second.touched = 1;
	if (by_exit)
		pthread_exit(nullptr);
	return nullptr;
}

int main()
{
	pthread_t id;
	for (int i = 0; i < 2; i++) {
		must(pthread_create(&id, nullptr, leave, i ? &id : nullptr) == 0, "thread");
		pthread_join(id, nullptr);
	}
	std::thread([] { first.touched = 1; }).join();
	first.touched = 1;
}
