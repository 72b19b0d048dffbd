/*
 * The JavaScript half of the bridge to Node: which request a piece of asynchronous work belongs to,
 * and whose the next call on a connection is. Run once in each thread that runs JavaScript, by
 * node.c, which gives `native`. Fed by async_hooks and by diagnostics channels. Not its job: spans.
 *
 * A request is a token, a number of the native half's, 0 for none. Work carries what the work that
 * scheduled it carried, an object with the token:
 *   - where AsyncLocalStorage stands on V8's own context (Node 24 and later), in such a storage;
 *   - else on the async resource or the promise, under a private symbol of V8's, which no reflection shows.
 * Nothing here may throw into the program: what fails ends the bridge.
 */
(function (native) {
	'use strict';
	const process = globalThis.process;
	const major = parseInt(process?.versions?.node, 10);
	if (!(major >= 18 && major <= 26) || process.versions.electron ||
	    process.execArgv.includes('--build-snapshot'))
		return false;
	const load = process.getBuiltinModule || process.mainModule?.require?.bind(process.mainModule) ||
		globalThis.require;
	if (typeof load !== 'function')
		return false;
	const { AsyncLocalStorage, createHook, executionAsyncId, executionAsyncResource } = load('async_hooks');
	const { subscribe, unsubscribe } = load('diagnostics_channel');
	if (!subscribe || !unsubscribe)
		return false;

	const { mark } = native;

	/* The descriptor below a socket, or -1: it has none yet, or is no socket of the system. */
	function descriptor(socket) {
		const fd = socket?._handle?.fd;
		return fd >= 0 ? fd : -1;
	}

	/* The next request on this socket belongs to that work. While it is being connected it may have
	 * no descriptor, or get another one. */
	function own(socket, work) {
		const token = work ? work.token : 0;
		const fd = descriptor(socket);
		if (fd >= 0)
			native.own(fd, token);
		if (socket.connecting)
			socket.prependOnceListener('connect', guarded(() => native.own(descriptor(socket), token)));
	}

	let ended = false;
	let end = () => {};

	function withdraw(error) {
		if (ended)
			return;
		ended = true;
		try {
			end();
		} catch {
			/* It stays without effect. */
		}
		native.withdraw(String(error?.message ?? error));
	}

	/* A program that has used up the stack finds its own way back. */
	function guarded(f) {
		return (event) => {
			if (ended)
				return;
			try {
				f(event);
			} catch (error) {
				if (!(error instanceof RangeError))
					withdraw(error);
			}
		};
	}

	/* Whether Node follows promises: then each has two symbols. */
	function followed() {
		return Object.getOwnPropertySymbols(new Promise(() => {})).length > 0;
	}

	/* Switches an init hook on. Node asks such a hook for each resource, and for any hook it follows promises, with
	 * numbers, a resource and a call for each, which costs three times what ours do. So the count of hooks is led
	 * down to 0 while ours stays in Node's list: Node lets promises go, until the program has a hook or an
	 * AsyncLocalStorage of its own. From then on the native half counts in that very place the requests that are
	 * open: nobody is asked where nothing can be found out. If the program has a hook already, or the place is not
	 * found, all stays as Node does it. Returns whether the native half counts. */
	function enable(createHook, hook) {
		const alone = !followed();
		hook.enable();
		if (!alone || !followed() || !native.seek())
			return false;
		const other = createHook({ init() {} }).enable();
		const found = native.sift(2) && native.count(1);
		other.disable();
		return found && native.watch();
	}

	const channels = {
		'http.server.request.start': ({ socket }) => enter({ token: native.serve(descriptor(socket)) }),
		'undici:request:create': ({ request }) => { request[mark] = current(); },
		'undici:client:sendHeaders': ({ request, socket }) => own(socket, request[mark]),
	};
	let enter, current, stop;

	if ('_enable' in AsyncLocalStorage.prototype) {
		/* What is worked on is looked up once for each turn, by its number; in a promise's job, which has none of
		 * its own, it is what the promise was made for. Of ten resources nine are ticks, which no program ever
		 * gets to see: they have a common symbol, which is cheaper. */
		const tick = Symbol('work');
		const opens = { __proto__: null, TCPCONNECTWRAP: true, PIPECONNECTWRAP: true };
		let turn = -1;
		let now;
		let job = -1;
		let jobs;
		current = () => {
			const id = executionAsyncId();
			if (id === job)
				return jobs;
			if (id !== turn) {
				const resource = executionAsyncResource();
				now = resource[tick];
				if (now === undefined)
					now = resource[mark];
				turn = id;
			}
			return now;
		};
		enter = (work) => {
			const id = executionAsyncId();
			if (id === job) {
				jobs = work;
			} else if (id) {
				executionAsyncResource()[mark] = now = work;
				turn = id;
			}
		};
		const init = (id, type, trigger, resource) => {
			if (ended)
				return;
			try {
				const work = current();
				if (type === 'TickObject') {
					if (work !== undefined)
						resource[tick] = work;
					return;
				}
				if (work !== undefined)
					resource[mark] = work;
				/* A request gets its parser when it gets its socket, in its maker's context. */
				if (type === 'HTTPCLIENTREQUEST')
					own(resource.req.socket, work);
				else if (work !== undefined && opens[type])
					native.opening(work.token);
			} catch (error) {
				if (!(error instanceof RangeError))
					withdraw(error);
			}
		};
		const promises = {
			init(promise) {
				const work = current();
				if (work !== undefined)
					promise[mark] = work;
			},
			before(promise) {
				jobs = promise[mark];
				job = executionAsyncId();
			},
			after() {
				job = -1;
			},
		};
		const hook = createHook({ init });
		const stopPromises = load('v8').promiseHooks.createHook(promises);
		const counted = enable(createHook, hook);
		stop = () => {
			if (counted)
				native.unwatch();
			stopPromises();
			hook.disable();
		};
	} else {
		const storage = new AsyncLocalStorage();
		enter = (work) => storage.enterWith(work);
		current = () => storage.getStore();
		channels['http.client.request.created'] = ({ request }) => {
			const work = current();
			request.prependOnceListener('socket', guarded((socket) => own(socket, work)));
		};
	}

	const listeners = Object.entries(channels).map(([name, f]) => [name, guarded(f)]);
	end = () => {
		stop?.();
		listeners.forEach(([name, f]) => unsubscribe(name, f));
	};
	listeners.forEach(([name, f]) => subscribe(name, f));
	return true;
})
