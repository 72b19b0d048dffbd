#!/bin/bash
# tar of a big tree: through pipes, compressors, files, incremental, with errors.
# shellcheck source=tests/transparency/cases/common.sh
. "$CASES/common.sh"

make_tree tree 60
say tree "$(tree_sum tree)"
tar --sort=name -cf plain.tar tree
say create "code $?, $(wc -c <plain.tar) bytes"
say list "$(tar -tf plain.tar | wc -l) names, sum $(tar -tf plain.tar | sha256sum | cut -c1-12)"

mkdir a b c d e f g h
tar -xf plain.tar -C a
say extract "code $?, $(tree_sum a/tree)"
tar -cf - tree | tar -xf - -C b
say pipe "codes ${PIPESTATUS[*]}, $(tree_sum b/tree)"
tar -czf - tree | cat | tar -xzf - -C c
say gzip "codes ${PIPESTATUS[*]}, $(tree_sum c/tree)"
tar -cJf - tree/d0 | (sleep 0.2; tar -xJf - -C d)
say xz "codes ${PIPESTATUS[*]}, $(tree_sum d/tree)"
tar -cSf sparse.tar tree/sparse && tar -xSf sparse.tar -C e
say sparse "code $?, $(stat -c '%s %b' e/tree/sparse), archive $(wc -c <sparse.tar)"
tar -c tree | split -b 1000000 - piece. && cat piece.* | tar -x -C f
say split "codes ${PIPESTATUS[*]}, $(find . -name 'piece.*' | wc -l) pieces, $(tree_sum f/tree)"
tar -cf - --use-compress-program='gzip -1' tree | tar -xf - --use-compress-program='gzip -d' -C g
say program "codes ${PIPESTATUS[*]}, $(tree_sum g/tree)"
tar --listed-incremental=snap -cf full.tar tree && echo new >tree/new && rm tree/large &&
	tar --listed-incremental=snap -cf more.tar tree
say incremental "code $?, $(tar -tf more.tar | grep -c 'new$')"
tar -xf plain.tar --to-command='wc -c' tree/d0 | awk '{ n += $1 } END { print "to-command: " n " bytes, " NR " files" }'
tar --checkpoint=2000 --checkpoint-action=exec='echo point' -cf /dev/null tree | sort | uniq -c | sed 's/^ */checkpoints: /'

tar -xf plain.tar -C h no-such-member 2>err
say missing-member "code $?, $(tr '\n' ' ' <err)"
head -c 100000 plain.tar | tar -t >/dev/null 2>err
say truncated "codes ${PIPESTATUS[*]}, $(tr '\n' ' ' <err)"
tar -cf /dev/full tree 2>err
say no-space "code $?, $(tr '\n' ' ' <err)"
tar -cf - tree | head -c 1000 >/dev/null
say closed-pipe "codes ${PIPESTATUS[*]}"
tar -czf x.tgz tree 2>err & wait $!
say background "code $?"
