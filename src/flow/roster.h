/*
 * The program's threads, counted, so that a process ends with the last of them. libc ends it when
 * its last thread does, and takes the exporter's thread for one: a program whose first thread left
 * by pthread_exit would stay for ever.
 */
#ifndef AT_FLOW_ROSTER_H
#define AT_FLOW_ROSTER_H

/* The calling thread is the first of this process. By the constructor, once. */
void at_roster_start(void);

/* A thread is about to be made by the program; it was not made after all. Any thread. */
void at_roster_expect(void);
void at_roster_unexpect(void);

/* The calling thread is the one that was expected. */
void at_roster_join(void);

/* In a forked child, whose only thread calls. */
void at_roster_after_fork(void);

#endif
