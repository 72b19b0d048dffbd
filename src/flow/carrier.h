/*
 * What a request carries of its sender's trace, for propagate.h. Any thread; the texts are the
 * message's.
 */
#ifndef AT_FLOW_CARRIER_H
#define AT_FLOW_CARRIER_H

#include "trace/propagate.h"
#include "wire/message.h"

static inline struct at_carrier at_carrier_of(const struct at_message *m)
{
	const struct at_field_value *f = m->field;
	return (struct at_carrier){
		.traceparent = f[AT_FIELD_traceparent].value,
		.traceparent_count = f[AT_FIELD_traceparent].count,
		.b3 = f[AT_FIELD_b3].value,
		.x_b3_traceid = f[AT_FIELD_x_b3_traceid].value,
		.x_b3_spanid = f[AT_FIELD_x_b3_spanid].value,
		.x_b3_sampled = f[AT_FIELD_x_b3_sampled].value,
		.x_b3_flags = f[AT_FIELD_x_b3_flags].value,
	};
}

#endif
