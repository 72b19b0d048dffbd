/*
 * See glob.h. When a byte does not fit, the last '*' takes one more: no recursion, no memory.
 */
#include "base/glob.h"

bool at_glob_match(struct at_str pattern, struct at_str text)
{
	size_t p = 0, t = 0;
	size_t star = SIZE_MAX; /* place of the last '*' in the pattern */
	size_t taken = 0;       /* where the text goes on behind what that one has taken */
	while (t < text.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			taken = t;
		} else if (p < pattern.n && (pattern.p[p] == '?' || pattern.p[p] == text.p[t])) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++taken;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}
