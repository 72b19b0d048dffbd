/*
 * The native half of the bridge to Node. Fed by the hooks with the moments at which a thread of
 * JavaScript is about to have traffic, and by node.js with what it knows; feeds flow/bridge.h, on
 * that thread. Owns the way in: no environment variable, no file, no start-up cost. Each thread of
 * JavaScript (workers have their own isolate) is set up by its own first socket.
 *
 *   untried --a socket--> asked for --next microtasks--> on --something failed--> withdrawn
 *                             \--another version, no builtin modules--> off
 *
 * Functions are found by name in the program: V8's few by their mangled names, the rest is
 * Node-API, which is stable. If one is missing there is no bridge.
 */
#include "bridge/node.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/thread.h"
#include "bridge/node_count.h"
#include "bridge/node_js.h"
#include "bridge/node_tls.h"
#include "flow/boot.h"
#include "flow/bridge.h"
#include "libc/floor.h"

/* As in node_api.h. A handle of V8's (Local) is one pointer, too. */
typedef void *napi_env;
typedef void *napi_value;
typedef void *napi_info;
typedef napi_value (*napi_callback)(napi_env env, napi_info info);

/* Name in the program, member, return type, parameters. */
#define FUNCTIONS(X)                                                                               \
	X("_ZN2v87Isolate13TryGetCurrentEv", isolate, void *, (void))                              \
	X("_ZN2v87Isolate9InContextEv", in_context, bool, (void *isolate))                         \
	X("_ZN2v87Isolate16EnqueueMicrotaskEPFvPvES1_", later, void,                               \
	  (void *isolate, void (*task)(void *), void *data))                                       \
	X("_ZN2v87Isolate17GetCurrentContextEv", context, void *, (void *isolate))                 \
	X("_ZN2v86Object3NewEPNS_7IsolateE", object, void *, (void *isolate))                      \
	X("_ZN2v87Private3NewEPNS_7IsolateENS_5LocalINS_6StringEEE", private_symbol, void *,       \
	  (void *isolate, void *name))                                                             \
	X("_ZN4node21GetCurrentEnvironmentEN2v85LocalINS0_7ContextEEE", environment, void *,       \
	  (void *context))                                                                         \
	X("_Z30napi_module_register_by_symbolN2v85LocalINS_6ObjectEEENS0_INS_5ValueEEENS0_INS_"    \
	  "7ContextEEEPFP12napi_value__P10napi_env__S8_Ei",                                        \
	  add, void,                                                                               \
	  (void *exports, void *module, void *context, napi_callback init, int32_t version))       \
	X("napi_create_string_utf8", string, int,                                                  \
	  (napi_env env, const char *text, size_t n, napi_value *ret))                             \
	X("napi_run_script", run, int, (napi_env env, napi_value script, napi_value * ret))        \
	X("napi_call_function", call, int,                                                         \
	  (napi_env env, napi_value self, napi_value function, size_t count,                       \
	   const napi_value *values, napi_value *ret))                                             \
	X("napi_create_function", function, int,                                                   \
	  (napi_env env, const char *name, size_t n, napi_callback f, void *data,                  \
	   napi_value *ret))                                                                       \
	X("napi_set_named_property", set, int,                                                     \
	  (napi_env env, napi_value object, const char *name, napi_value value))                   \
	X("napi_get_cb_info", arguments, int,                                                      \
	  (napi_env env, napi_info info, size_t * count, napi_value * values, napi_value * self,   \
	   void **data))                                                                           \
	X("napi_get_value_double", number, int, (napi_env env, napi_value value, double *ret))     \
	X("napi_create_double", make_number, int, (napi_env env, double value, napi_value *ret))   \
	X("napi_get_value_bool", truth, int, (napi_env env, napi_value value, bool *ret))          \
	X("napi_get_value_string_utf8", text, int,                                                 \
	  (napi_env env, napi_value value, char *ret, size_t room, size_t *ret_n))                 \
	X("napi_coerce_to_string", as_string, int,                                                 \
	  (napi_env env, napi_value value, napi_value * ret))                                      \
	X("napi_get_boolean", make_truth, int, (napi_env env, bool value, napi_value *ret))        \
	X("napi_add_env_cleanup_hook", at_end, int, (napi_env env, void (*f)(void *), void *data)) \
	X("napi_get_and_clear_last_exception", caught, int, (napi_env env, napi_value * ret))

static struct {
#define X(symbol, member, type, parameters) type(*member) parameters;
	FUNCTIONS(X)
#undef X
} node;

bool at_node_here;

static __thread bool tried __attribute__((tls_model("initial-exec")));

#define NODE_API 8 /* the version of Node-API that Node 18 has */

static void withdraw(const char *why)
{
	at_thread_enter();
	at_log(AT_LOG_WARN, "the bridge to Node has withdrawn, parents are found without it: %s",
	       why);
	at_bridge_leave(NULL);
	at_thread_leave();
}

/* ---- what node.js calls; tokens are whole numbers below 2^53 ---- */

#define ARGUMENTS 2

static void take(napi_env env, napi_info info, double ret[static ARGUMENTS])
{
	napi_value values[ARGUMENTS] = {NULL, NULL};
	size_t count = ARGUMENTS;
	if (node.arguments(env, info, &count, values, NULL, NULL) != 0)
		count = 0;
	for (size_t i = 0; i < ARGUMENTS; i++)
		if (i >= count || node.number(env, values[i], &ret[i]) != 0)
			ret[i] = -1;
}

static uint64_t as_token(double number)
{
	return number > 0 && number < 0x1p53 ? (uint64_t)number : 0;
}

static int as_descriptor(double number)
{
	return number >= 0 && number <= INT32_MAX ? (int)number : -1;
}

/* serve(descriptor): the token of the request that Node begins to serve there, or 0. */
static napi_value serve(napi_env env, napi_info info)
{
	double given[ARGUMENTS];
	napi_value token = NULL;
	int saved = errno;
	take(env, info, given);
	node.make_number(env, (double)at_bridge_serve(as_descriptor(given[0])), &token);
	errno = saved;
	return token;
}

/* own(descriptor, token): the next request written there is that one's. */
static napi_value own(napi_env env, napi_info info)
{
	double given[ARGUMENTS];
	int saved = errno;
	take(env, info, given);
	at_bridge_own(as_descriptor(given[0]), as_token(given[1]));
	errno = saved;
	return NULL;
}

/* opening(token): the connection opened next is that one's. */
static napi_value opening(napi_env env, napi_info info)
{
	double given[ARGUMENTS];
	take(env, info, given);
	at_bridge_opening(as_token(given[0]));
	return NULL;
}

/* withdraw(reason). */
static napi_value withdrawn(napi_env env, napi_info info)
{
	char reason[200] = "";
	napi_value value = NULL;
	size_t count = 1;
	int saved = errno;
	if (node.arguments(env, info, &count, &value, NULL, NULL) == 0 && count)
		node.text(env, value, reason, sizeof(reason), NULL);
	withdraw(reason);
	errno = saved;
	return NULL;
}

static __thread struct at_node_count found __attribute__((tls_model("initial-exec")));

static napi_value truth_of(napi_env env, bool value)
{
	napi_value ret = NULL;
	node.make_truth(env, value, &ret);
	return ret;
}

/* seek(): whether there are places that may be Node's count of hooks, which is 1. */
static napi_value seek(napi_env env, napi_info info)
{
	int saved = errno;
	void *isolate = node.isolate();
	void *environment = node.environment(node.context(isolate));
	(void)info;
	bool any = environment && at_node_count_seek(&found, environment, isolate);
	errno = saved;
	return truth_of(env, any);
}

/* sift(number): the count is that now; whether any place is left. */
static napi_value sift(napi_env env, napi_info info)
{
	double given[ARGUMENTS];
	take(env, info, given);
	return truth_of(env, at_node_count_sift(&found, (uint32_t)given[0]));
}

/* count(number): puts that into the one place, if it is one. */
static napi_value count(napi_env env, napi_info info)
{
	double given[ARGUMENTS];
	take(env, info, given);
	if (found.n == 1)
		*found.word[0] = (uint32_t)given[0];
	return truth_of(env, found.n == 1);
}

static void forget(void *nothing)
{
	(void)nothing;
	at_bridge_count_in(NULL);
}

/* watch(): the count is 0 now, and the requests that are open are counted there, until the thread's
 * environment ends and takes the place with it; whether they are. */
static napi_value watch(napi_env env, napi_info info)
{
	(void)info;
	bool on = node.at_end(env, forget, NULL) == 0;
	if (on)
		at_bridge_count_in(found.word[0]);
	else
		*found.word[0] = 1;
	return truth_of(env, on);
}

/* unwatch(): the count is what it would be for one more hook. */
static napi_value unwatch(napi_env env, napi_info info)
{
	(void)env;
	(void)info;
	at_bridge_count_in(NULL);
	if (found.n == 1)
		++*found.word[0];
	return NULL;
}

static const struct {
	const char *name;  /* as node.js knows it */
	napi_callback run; /* what it does */
} natives[] = {
	{"serve", serve},        {"own", own},     {"opening", opening},
	{"withdraw", withdrawn}, {"seek", seek},   {"sift", sift},
	{"count", count},        {"watch", watch}, {"unwatch", unwatch},
};

/* ---- the way in ---- */

static bool give_natives(napi_env env, napi_value object)
{
	for (size_t i = 0; i < sizeof(natives) / sizeof(natives[0]); i++) {
		const char *name = natives[i].name;
		napi_value f;
		if (node.function(env, name, SIZE_MAX, natives[i].run, NULL, &f) != 0 ||
		    node.set(env, object, name, f) != 0)
			return false;
	}
	return true;
}

/* Whatever happened stays here. */
static void complain(napi_env env)
{
	char reason[200] = "it could not be set up";
	napi_value exception;
	if (node.caught(env, &exception) == 0 && node.as_string(env, exception, &exception) == 0)
		node.text(env, exception, reason, sizeof(reason), NULL);
	node.caught(env, &exception);
	withdraw(reason);
}

/* `object` came with us and is known to nobody else. The program can get hold of a private symbol
 * by no means; for V8's engine it is a symbol like any other. */
static napi_value start(napi_env env, napi_value object)
{
	napi_value script;
	napi_value function;
	napi_value result;
	bool on = false;
	if (!give_natives(env, object) ||
	    node.set(env, object, "mark", node.private_symbol(node.isolate(), NULL)) != 0 ||
	    node.string(env, at_node_js, sizeof(at_node_js) - 1, &script) != 0 ||
	    node.run(env, script, &function) != 0 ||
	    node.call(env, object, function, 1, &object, &result) != 0 ||
	    node.truth(env, result, &on) != 0) {
		complain(env);
	} else if (on) {
		at_bridge_enter(0, false, NULL);
	}
	return NULL;
}

/* A task of V8's own queue: it runs when a turn of JavaScript is over and before the next event,
 * with a scope for its handles. In the hook itself neither needs to be so (the resolver's sockets).
 */
static void set_up(void *isolate)
{
	int saved = errno;
	void *context = node.in_context(isolate) ? node.context(isolate) : NULL;
	if (context && node.environment(context)) {
		void *object = node.object(isolate);
		node.add(object, object, context, start, NODE_API);
	}
	errno = saved;
}

void at_node_enter(void)
{
	if (tried || at_thread_pass())
		return;
	int saved = errno;
	void *isolate = node.isolate();
	if (isolate && node.in_context(isolate)) {
		tried = true;
		node.later(isolate, set_up, isolate);
	}
	errno = saved;
}

void at_node_prepare(void)
{
	if (!at_process_is_live() || !(at_boot.config.bridges & AT_BRIDGE_NODE))
		return;
#define X(symbol, member, type, parameters)                                   \
	if (!(node.member = (type(*) parameters)at_floor_walk_first(symbol))) \
		return;
	FUNCTIONS(X)
#undef X
	at_node_here = true;
	at_node_tls_prepare();
}
