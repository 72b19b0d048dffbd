/*
 * The table of exporters. Read by the worker for its lanes and by recover.c for what others left.
 */
#include "export/exporter.h"

#include "config/config.h"

#define AT_EXPORTER(bit, ops) extern const struct at_exporter_ops ops;
#include "export/exporters.def"
#undef AT_EXPORTER

const struct at_exporter_row at_exporter[] = {
#define AT_EXPORTER(bit, ops) {bit, &ops},
#include "export/exporters.def"
#undef AT_EXPORTER
};

const unsigned at_exporters = sizeof(at_exporter) / sizeof(at_exporter[0]);
