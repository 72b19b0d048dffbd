/*
 * The authorities that a collector's certificate is checked with, read from a PEM file in steps of
 * about a millisecond: between two of them a fork goes first. (libcurl would read them at one go,
 * 30 to 100 ms for a system's list, with the gate shut.) The worker's thread, inside the gate.
 */
#ifndef AT_EXPORT_ROOTS_H
#define AT_EXPORT_ROOTS_H

#include <openssl/types.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

/* What was read, and from which state of the file. Zeros to begin with. */
struct at_roots {
	X509_STORE *store;  /* NULL: nothing could be read */
	ino_t inode;        /* of the file */
	off_t size;         /* of it */
	struct timespec at; /* when it was written */
};

/* Reads the file if it is not the one that was read last. False when it cannot be read whole, or
 * something in it is no good. */
bool at_roots_read(struct at_roots *r, const char *path);

#endif
