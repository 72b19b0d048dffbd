/*
 * The JavaScript half of the bridge to Node: which request a piece of asynchronous work belongs to,
 * and whose the next call on a connection is. Run once in each thread that runs JavaScript, by
 * node.c, which gives `native`. Fed by async_hooks and by diagnostics channels. Not its job: spans.
 *
 * A request is a token, a number of the native half's, 0 for none. Work carries what the work that
 * scheduled it carried, an object with the token:
 *   - where AsyncLocalStorage stands on V8's own context (Node 24 and later), in such a storage;
 *   - else on the async resource, in a private field, which nobody can see from outside.
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

	/* A constructor that returns its argument, so that a class can give any object a private field. */
	class Carrier extends (function (object) { return object; }) {
		#work;
		constructor(object, work) {
			super(object);
			this.#work = work;
		}
		static get(object) {
			return #work in object ? object.#work : undefined;
		}
		static set(object, work) {
			if (#work in object)
				object.#work = work;
			else
				new Carrier(object, work);
		}
	}
	const { get, set } = Carrier;

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

	const channels = {
		'http.server.request.start': ({ socket }) => enter({ token: native.serve(descriptor(socket)) }),
		'undici:request:create': ({ request }) => set(request, current()),
		'undici:client:sendHeaders': ({ request, socket }) => own(socket, get(request)),
	};
	let enter, current, hook;

	if ('_enable' in AsyncLocalStorage.prototype) {
		/* Of ten resources nine are ticks, which no program ever gets to see: they have a symbol, which is
		 * cheaper. What is worked on is looked up once for each turn, by its number. */
		const mark = Symbol('work');
		const opens = { __proto__: null, TCPCONNECTWRAP: true, PIPECONNECTWRAP: true };
		let turn = -1;
		let now;
		current = () => {
			const id = executionAsyncId();
			if (id !== turn) {
				const resource = executionAsyncResource();
				now = resource[mark];
				if (now === undefined)
					now = get(resource);
				turn = id;
			}
			return now;
		};
		enter = (work) => {
			set(executionAsyncResource(), work);
			turn = executionAsyncId();
			now = work;
		};
		hook = createHook({
			init(id, type, trigger, resource) {
				if (ended)
					return;
				try {
					const work = current();
					if (type === 'TickObject') {
						if (work !== undefined)
							resource[mark] = work;
						return;
					}
					if (work !== undefined)
						set(resource, work);
					/* A request gets its parser when it gets its socket, in its maker's context. */
					if (type === 'HTTPCLIENTREQUEST')
						own(resource.req.socket, work);
					else if (opens[type] && work !== undefined)
						native.opening(work.token);
				} catch (error) {
					if (!(error instanceof RangeError))
						withdraw(error);
				}
			},
		});
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
		hook?.disable();
		listeners.forEach(([name, f]) => unsubscribe(name, f));
	};
	listeners.forEach(([name, f]) => subscribe(name, f));
	hook?.enable();
	return true;
})
