/*
 * What we use of the Java Native Interface and of the JVM Tool Interface (JVM TI). Functions stand
 * at places that are the same in all versions; what lies between is not ours.
 */
#ifndef AT_BRIDGE_JVM_API_H
#define AT_BRIDGE_JVM_API_H

#include <stddef.h>
#include <stdint.h>

#define AT_JNI_1_6   0x00010006
#define AT_JVMTI_1_2 0x30010200

/* An interface is a pointer to a pointer to its table. */
struct at_jvm;
struct at_jni;
struct at_jvmti;

/* The machine. */
struct at_jvm_table {
	void *before[6];
	int32_t (*get_env)(const struct at_jvm *, void **ret, int32_t version); /* 0: there it is */
};

struct at_jvm {
	const struct at_jvm_table *f;
};

/* A native method. */
struct at_jni_native {
	const char *name, *descriptor;
	void *function;
};

/* The machine, as a thread of Java's sees it. Objects are local references, of the call. */
struct at_jni_table {
	void *before[5];
	void *(*define_class)(const struct at_jni *, const char *name, void *loader,
			      const void *bytes, int32_t n);
	void *(*find_class)(const struct at_jni *, const char *name);
	void *to_exceptions[10];
	void (*exception_clear)(const struct at_jni *);
	void *to_frames[1];
	int32_t (*push_frame)(const struct at_jni *, int32_t capacity);
	void *(*pop_frame)(const struct at_jni *, void *result);
	void *to_methods[92];
	void *(*static_method)(const struct at_jni *, void *class, const char *name,
			       const char *descriptor);
	void *(*call_static)(const struct at_jni *, void *class, void *method, ...);
	void *to_strings[52];
	void *(*new_string)(const struct at_jni *, const char *utf8);
	void *to_natives[47];
	int32_t (*register_natives)(const struct at_jni *, void *class,
				    const struct at_jni_native *, int32_t n);
	void *to_check[12];
	uint8_t (*exception_check)(const struct at_jni *);
};

struct at_jni {
	const struct at_jni_table *f;
};

_Static_assert(offsetof(struct at_jni_table, pop_frame) == 20 * sizeof(void *), "JNI");
_Static_assert(offsetof(struct at_jni_table, call_static) == 114 * sizeof(void *), "JNI");
_Static_assert(offsetof(struct at_jni_table, new_string) == 167 * sizeof(void *), "JNI");
_Static_assert(offsetof(struct at_jni_table, exception_check) == 228 * sizeof(void *), "JNI");

/* Which of JVM TI's abilities are asked for: a set of bits. */
struct at_jvmti_abilities {
	uint64_t bits[2];
};

#define AT_JVMTI_TAG_OBJECTS (1ull << 0)
#define AT_JVMTI_RETRANSFORM (1ull << 37)

/* Called with the bytes of a class that is loaded or transformed anew. */
typedef void at_jvmti_class_hook(const struct at_jvmti *, const struct at_jni *, void *old,
				 void *loader, const char *name, void *domain, int32_t n,
				 const uint8_t *bytes, int32_t *ret_n, uint8_t **ret_bytes);

/* Functions for events; the rest of them is not told. */
struct at_jvmti_callbacks {
	void *before[4];
	at_jvmti_class_hook *class_hook;
};

enum { AT_JVMTI_DISABLE = 0, AT_JVMTI_ENABLE = 1, AT_JVMTI_CLASS_HOOK = 54 };

/* All return 0 when they could. */
struct at_jvmti_table {
	void *before[1];
	int32_t (*set_event)(const struct at_jvmti *, int32_t mode, int32_t event, void *thread,
			     ...);
	void *to_allocate[43];
	int32_t (*allocate)(const struct at_jvmti *, int64_t n, uint8_t **ret);
	int32_t (*deallocate)(const struct at_jvmti *, uint8_t *bytes);
	void *to_tags[58];
	int32_t (*get_tag)(const struct at_jvmti *, void *object, int64_t *ret);
	int32_t (*set_tag)(const struct at_jvmti *, void *object, int64_t tag);
	void *to_callbacks[14];
	int32_t (*set_callbacks)(const struct at_jvmti *, const struct at_jvmti_callbacks *,
				 int32_t bytes);
	void *to_dispose[4];
	int32_t (*dispose)(const struct at_jvmti *);
	void *to_property[3];
	int32_t (*get_property)(const struct at_jvmti *, const char *name, char **ret);
	void *to_abilities[10];
	int32_t (*add_abilities)(const struct at_jvmti *, const struct at_jvmti_abilities *);
	void *to_retransform[9];
	int32_t (*retransform)(const struct at_jvmti *, int32_t n, void *const *classes);
};

struct at_jvmti {
	const struct at_jvmti_table *f;
};

_Static_assert(offsetof(struct at_jvmti_table, allocate) == 45 * sizeof(void *), "JVM TI");
_Static_assert(offsetof(struct at_jvmti_table, get_tag) == 105 * sizeof(void *), "JVM TI");
_Static_assert(offsetof(struct at_jvmti_table, dispose) == 126 * sizeof(void *), "JVM TI");
_Static_assert(offsetof(struct at_jvmti_table, get_property) == 130 * sizeof(void *), "JVM TI");
_Static_assert(offsetof(struct at_jvmti_table, retransform) == 151 * sizeof(void *), "JVM TI");

#endif
