/*
 * The line at the end: what became of the spans.
 */
#ifndef AT_EXPORT_REPORT_H
#define AT_EXPORT_REPORT_H

/* Counts every span that has met no fate yet as drop_at_exit and writes the line: a warning when
 * spans were lost, else at level info. Speaks again only when more was lost since. */
void at_report_end(void);

/* In a forked child: nothing was said yet. */
void at_report_after_fork(void);

#endif
