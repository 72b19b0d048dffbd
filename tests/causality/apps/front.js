// Node: GET /KIND/ID makes its calls to /KIND/ID/0, /1, ... Environment: BACKENDS, DATABASE, TICK as front_flask.py;
// CLIENT: fetch or http (http.request with a keep-alive agent of AGENT sockets).
"use strict";
const http = require("http");
const net = require("net");

const backends = process.env.BACKENDS.split(",");
const database = process.env.DATABASE.split(":");
const tick = Number(process.env.TICK) * 1000;
const agent = new http.Agent({ keepAlive: true, maxSockets: Number(process.env.AGENT || 256) });
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const idle = []; // connections to the database

function request(url) {
	return new Promise((done) => {
		const asked = http.request(url, { agent }, (answer) => {
			answer.resume();
			answer.on("end", () => done(answer.statusCode));
			answer.on("error", () => done(0));
		});
		asked.on("error", () => done(0));
		asked.end();
	});
}

async function fetched(url) {
	try {
		const answer = await fetch(url);
		await answer.text();
		return answer.status;
	} catch {
		return 0;
	}
}

const get = process.env.CLIENT === "fetch" ? fetched : request;
const call = (path, n) => get(`http://${backends[n % backends.length]}${path}/${n}`);

function query() {
	return new Promise((done, failed) => {
		const link = idle.pop() || net.connect(Number(database[1]), database[0]);
		link.once("error", failed);
		link.once("data", () => {
			link.off("error", failed);
			idle.push(link);
			done();
		});
		link.write("select\n");
	});
}

const kinds = {
	one: async (path) => [await call(path, 0)],
	seq: async (path) => [await call(path, 0), await call(path, 1), await call(path, 2)],
	fan: (path) => Promise.all([0, 1, 2].map((n) => call(path, n))),
	async nap(path) {
		await pause(3);
		const first = await call(path, 0);
		await pause(2);
		return [first, await call(path, 1)];
	},
	async db(path) {
		await query();
		const first = await call(path, 0);
		await query();
		return [first, await call(path, 1)];
	},
};

const server = http.createServer(async (asked, answer) => {
	const body = JSON.stringify(await kinds[asked.url.split("/")[1]](asked.url));
	answer.setHeader("Content-Length", body.length);
	answer.end(body);
});
server.listen(0, "127.0.0.1", () => console.log("listening on", server.address().port));
let ticks = 0;
if (tick) setInterval(() => get(`http://${backends[0]}/tick/${ticks++}/0`), tick);
