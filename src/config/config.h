/*
 * What the user wants: the environment read once into one struct that never changes afterwards.
 * Loaded by the constructor, in every process; read by everybody, without locks.
 */
#ifndef AT_CONFIG_CONFIG_H
#define AT_CONFIG_CONFIG_H

#include "base/bytes.h"

/* Where spans go (OTEL_TRACES_EXPORTER). */
enum at_exporter {
	AT_EXPORTER_OTLP = 1,
	AT_EXPORTER_CONSOLE = 2,    /* JSON for each span, as the SDKs print it */
	AT_EXPORTER_LINE = 4,       /* one readable line for each span */
	AT_EXPORTER_OTLP_STDOUT = 8 /* one OTLP JSON object on each line */
};

/* Runtimes that are asked who works on what (AUTOTRACE_BRIDGES). */
enum at_bridge_runtime { AT_BRIDGE_PYTHON = 1, AT_BRIDGE_NODE = 2, AT_BRIDGE_JVM = 4 };

/* How OTLP is spoken. */
enum at_otlp_protocol { AT_OTLP_PROTOBUF, AT_OTLP_JSON, AT_OTLP_GRPC };

/* A good size for the memory that at_config_load copies text to. */
#define AT_CONFIG_ARENA 65536u

/* Warnings kept at most; further ones are only counted. */
#define AT_CONFIG_WARNINGS 16

/* Settings of the environment that can be told of at most. */
#define AT_CONFIG_TOLD 48

/* What became of one variable that is set; four texts, as the notice board wants it. */
struct at_told {
	struct at_str name;   /* the variable */
	struct at_str value;  /* what it holds, cut; "(not shown)" for secrets */
	struct at_str origin; /* "environment", "fallback" (not usable), "overruled" (by another) */
	struct at_str note;   /* fallback: the value used instead; overruled: by which; or empty */
};

/* Every text is NUL-terminated as well (p is never NULL), and lives in the caller's arena or is
 * static. */
struct at_config {
	bool disabled;         /* do nothing at all */
	bool sdk_disabled;     /* no spans; context is passed on as it came */
	struct at_str include; /* patterns of programs; config/select.h judges by them */
	struct at_str exclude;
	int log_level;              /* enum at_log_level */
	size_t memory_limit;        /* bytes for observing connections */
	uint32_t exit_timeout_ms;   /* wait at the program's end; 0: none */
	struct at_str library;      /* AUTOTRACE_LIB: the program `autotrace` uses it */
	bool sigterm;               /* our own handler may replace a default SIGTERM action */
	struct at_str command;      /* argv[0] at the start; the caller of at_config_load sets it */
	struct at_str config_file;  /* OTEL_CONFIG_FILE: only warned about, never read */
	struct at_str service_name; /* OTEL_SERVICE_NAME or empty */
	struct at_str resource_attributes; /* OTEL_RESOURCE_ATTRIBUTES as it stands */
	struct at_str injected_attributes; /* from OTEL_INJECTOR_*, in the same syntax */
	unsigned propagators;              /* bits: 1 tracecontext, 2 baggage, 4 b3, 8 b3multi */
	bool inject;                       /* headers may be added and changed */
	bool env_context;                  /* the three below count; false: they are empty */
	struct at_str traceparent;         /* TRACEPARENT, not validated */
	struct at_str tracestate;          /* TRACESTATE, not validated */
	struct at_str baggage;             /* BAGGAGE, not validated */
	unsigned bridges;                  /* bits of enum at_bridge_runtime */
	bool link_rule;                    /* autotrace.link.rule on spans */
	struct at_str sampler;             /* one of the six standard names, lower case */
	double sampler_ratio;              /* 0 to 1 */
	struct at_str known_methods; /* comma list that replaces the default; empty: default */
	struct at_str routes;        /* templates separated by ';', or "@/path" */
	bool route_heuristic;        /* ids in a path become {id} */
	bool sizes;                  /* attributes with the sizes of messages */
	struct at_str capture_server_request;  /* comma list of header names */
	struct at_str capture_server_response; /* comma list of header names */
	struct at_str capture_client_request;  /* comma list of header names */
	struct at_str capture_client_response; /* comma list of header names */
	struct at_str capture_sanitize;        /* comma list: captured, but the value hidden */
	struct at_str redact_add;              /* comma list of query parameters */
	struct at_str redact_remove;           /* comma list of query parameters */
	uint32_t attr_count_limit;             /* attributes of a span */
	size_t attr_value_limit;               /* characters of a text; SIZE_MAX: no limit */
	uint32_t link_count_limit;             /* links of a span */
	unsigned exporters;                    /* bits of enum at_exporter; 0: none */
	struct at_str console_file;            /* "stdout", "stderr" or a path */
	uint32_t bsp_schedule_delay_ms;        /* between two exports */
	uint32_t bsp_export_timeout_ms;        /* for a batch; 0: no limit */
	uint32_t bsp_max_queue_size;           /* spans; > 0 */
	uint32_t bsp_max_export_batch_size;    /* spans; > 0, at most the queue's size */
	struct at_str spool_dir;               /* AUTOTRACE_SPOOL_DIR or empty */
	size_t spool_limit;                    /* bytes of left files */
	struct at_str otlp_url;                /* the whole URL for traces; gRPC: without a path */
	int otlp_protocol;                     /* enum at_otlp_protocol */
	bool otlp_insecure;                    /* gRPC: an endpoint without scheme is not TLS */
	struct at_str otlp_headers;            /* "name=value,…" as it stands; secret */
	bool otlp_gzip;                        /* compress bodies */
	uint32_t otlp_timeout_ms;              /* one export with its retries; 0: no limit */
	struct at_str otlp_certificate;        /* PEM path or empty */
	struct at_str otlp_client_key;         /* PEM path or empty */
	struct at_str otlp_client_certificate; /* PEM path or empty */

	struct at_told told[AT_CONFIG_TOLD];       /* what the environment says, for people */
	unsigned tolds;                            /* entries there are */
	struct at_str warning[AT_CONFIG_WARNINGS]; /* lines for the user, each about one variable */
	unsigned warnings;                         /* lines there are */
	unsigned warnings_lost;                    /* lines that found no place */
};

/* Reads the environment `envp` (NULL-terminated; NULL is welcome) by the rules of the OpenTelemetry
 * specification: an empty value is an unset one, a malformed one leaves what there was and makes a
 * warning. Copies what it keeps to `arena` (`room` bytes, which must live as long as *c); a value
 * that does not fit counts as malformed (the defaults alone need 128 bytes). With
 * AUTOTRACE_DISABLED=true nothing else is looked at. False when *c says disabled. Takes
 * microseconds: no malloc, no getenv, no locale. */
bool at_config_load(struct at_config *c, const char *const *envp, char *arena, size_t room);

/* Logs the collected warnings, a line each (AT_LOG_WARN). Any thread. */
void at_config_warn(const struct at_config *c);

/* Puts the settings on the notice board (base/board.h). */
void at_config_show(const struct at_config *c);

#endif
