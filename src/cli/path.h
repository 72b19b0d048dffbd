/*
 * From a command's name to its file, as execvp(3) finds it. One thread.
 */
#ifndef AT_CLI_PATH_H
#define AT_CLI_PATH_H

/*
 * Finds the file that execvp would execute for name: itself if it holds a slash, else the first
 * executable regular file in the directories of search (PATH; NULL: the system's default; an empty
 * part: here). 0: *file is the path, the caller frees it. Otherwise the errno that execvp would
 * leave: ENOENT, EACCES (also for a directory), ENOTDIR, ELOOP, ENAMETOOLONG; *file is NULL.
 */
int at_path_find(const char *name, const char *search, char **file);

/* The part behind the last slash. */
const char *at_path_base(const char *path);

#endif
