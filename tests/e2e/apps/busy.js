// busy.py in Node: what it does for nobody is a timer's.
"use strict";
const http = require("http");

const [peer, first] = [process.argv[2], Number(process.argv[3])];
const agent = new http.Agent({ keepAlive: true });
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
let scraped = 0;

function fetched(path) {
	return new Promise((done, failed) => {
		http.get(peer + path, { agent }, (answer) => {
			let body = "";
			answer.on("data", (piece) => (body += piece));
			answer.on("end", () => done(body));
		}).on("error", failed);
	});
}

async function scrape() {
	await fetched(`/metrics/${scraped}`);
	scraped++;
	setTimeout(scrape, 2);
}

async function stream(asked, answer) {
	await fetched(asked.url);
	answer.writeHead(200, { "Content-Type": "text/event-stream" });
	while (!answer.destroyed) {
		answer.write("data: x\n\n");
		await pause(20);
	}
}

async function handle(asked, answer) {
	const what = asked.url.split("/")[1];
	if (what === "stream") return stream(asked, answer);
	if (what === "during") for (const enough = scraped + 99; scraped < enough; ) await pause(1);
	if (what === "late") setTimeout(() => fetched(asked.url), 50);
	answer.end(what === "call" ? await fetched(asked.url) : "done");
}

const server = http.createServer(handle);
server.listen(0, "127.0.0.1", () => console.log("listening on", server.address().port));
setTimeout(scrape, first * 1000);
