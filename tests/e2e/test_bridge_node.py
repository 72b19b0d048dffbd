"""The bridge to Node: whose a call is, however long after and from wherever it is made; and that nobody sees it."""

import re
import subprocess

import pytest

from rig import APPS, PYTHON, Wire, ask, only, program, until
from test_programs_python import accuracy, answer, hammer

CALLS = {"nap": 1, "fan": 3, "queue": 2, "fetch": 1, "name": 1, "immediate": 1, "event": 1, "chain": 3}


@pytest.fixture(scope="module")
def peer(shared):
    return shared.peer(answer)


def start(rig, peer, *how, file="context.js", options=(), **more):
    started = rig.start([program("node"), *options, APPS / file, peer.url, *how], "node", **more)
    started.port = int(started.find(r"listening on (\d+)")[1])
    return started


@pytest.fixture(scope="module")
def node(shared, peer):
    return start(shared, peer)


@pytest.fixture
def take(shared, node):
    return shared.fresh()


def linked(spans, calls):
    """All calls hang below their own request, because Node said so."""
    assert accuracy(spans) == (calls, 0, 0)
    assert {s.rule for s in spans if s.kind == "client"} == {"bridge"}


@pytest.mark.parametrize("how", CALLS)
def test_links(node, take, how):
    hammer(node.port, f"/{how}/slow/%s", 64, 2)
    linked(take(128 + 128 * CALLS[how], settle=0.4), 128 * CALLS[how])


def test_pipelined(node, take):
    with Wire(node.port) as wire:
        wire.send(b"".join(b"GET /nap/p%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(8)))
        assert [wire.answer().status for _ in range(8)] == [200] * 8
    linked(take(16), 8)


def test_calls_after_the_answer_have_no_parent(node, take):
    assert ask(node.port, "/after/a").body == b"after"
    call = only(take(2, settle=0.3), kind="client")
    assert (call.parent, call.rule) == (None, "none")


def test_calls_of_a_timer_have_no_parent(rig, peer):
    """Somebody else's calls, 200 a second, while 16 requests are open at any time."""
    started = start(rig, peer, "ticking")
    hammer(started.port, "/nap/slow/%s", 16, 4)
    started.stop()
    until(lambda: len([s for s in rig.collector.new() if s.kind == "server"]) == 64)
    spans = rig.collector.all()
    ticks = [s for s in spans if s.kind == "client" and s["url.full"].endswith("/tick")]
    assert len(ticks) > 10 and {s.parent for s in ticks} == {None}
    linked([s for s in spans if s not in ticks], 64)


@pytest.mark.parametrize("how", ["module", "worker", "cluster"])
def test_other_starts(rig, peer, how):
    ways = subprocess.check_output([program("node"), "-p", "typeof process.getBuiltinModule"], text=True)
    if how == "module" and "undefined" in ways:
        pytest.skip("this Node is too old: where the program is a module its own modules cannot be reached")
    started = start(rig, peer, file="context.mjs") if how == "module" else start(rig, peer, how)
    hammer(started.port, "/nap/slow/%s", 16, 2)
    linked(rig.take(64, settle=0.4), 32)


@pytest.mark.parametrize(
    "flags",
    ["--frozen-intrinsics", "--disallow-code-generation-from-strings", "--disable-proto=throw", "--no-addons",
     "--pending-deprecation --trace-warnings", "--stack-size=500"],
)  # fmt: skip
def test_flags(rig, peer, flags):
    started = start(rig, peer, options=flags.split())
    hammer(started.port, "/chain/slow/%s", 4, 2)
    linked(rig.take(32, settle=0.4), 24)
    started.stop()
    assert "deprecat" not in started.output().lower()


def test_node_options_of_the_program(rig, peer, tmp_path):
    (tmp_path / "first.js").write_text("globalThis.first = process.env.NODE_OPTIONS; console.log('first', first);")
    options = f"--require {tmp_path}/first.js --max-http-header-size=20000"
    started = start(rig, peer, env={"NODE_OPTIONS": options})
    assert f"first {options}" in started.output()
    hammer(started.port, "/nap/slow/%s", 8, 1)
    linked(rig.take(16), 8)


def test_opt_out(rig, peer):
    started = start(rig, peer, env={"AUTOTRACE_BRIDGES": "python"})
    assert ask(started.port, "/nap/a").status == 200
    call = only(rig.take(2), kind="client")
    assert (call.parent, call.rule) == (None, "none"), "nobody else knows whose a call after a timer is"


def test_used_up_stack(node, take):
    """A program that comes back from it goes on, and so does the bridge."""
    assert ask(node.port, "/deep/a").status == 200
    hammer(node.port, "/nap/slow/%s", 8, 1)
    linked([s for s in take(17) if s.name != "GET /deep/a"], 8)


@pytest.mark.parametrize(
    "patch",
    ["require('diagnostics_channel').subscribe = () => { throw new Error('patched'); }",
     "require('async_hooks').AsyncLocalStorage = class { constructor() { throw new Error('patched'); } }"],
)  # fmt: skip
def test_patched_runtime(rig, peer, tmp_path, patch):
    """It withdraws with one line; requests are served and traced as without it."""
    (tmp_path / "patch.js").write_text(patch)
    started = start(rig, peer, options=["--require", tmp_path / "patch.js"])
    started.quiet = False
    assert ask(started.port, "/nap/a").status == 200
    call = only(rig.take(2), kind="client")
    if "autotrace:" in started.output():
        (line,) = re.findall(r"autotrace: .*", started.output())
        assert "the bridge to Node has withdrawn" in line and (call.parent, call.rule) == (None, "none")
    else:
        assert call.parent and call.rule == "bridge", "patched, and nothing said"


def same(rig, command, **more):
    """Exit status and all output are as without us; gives both."""
    plain = rig.run(command, traced=False, **more)
    ours = rig.run(command, "node", **more)
    bare = [re.sub(r"\d+\.\d+ms|pid \d+|0x[0-9a-f]+", "#", t) for t in (plain.out, plain.err, ours.out, ours.err)]
    assert (ours.code, bare[2], bare[3]) == (plain.code, bare[0], bare[1])
    return plain


@pytest.mark.parametrize("how", ["", "throw", "reject", "exit"])
def test_nothing_is_seen(rig, how):
    options = {"NODE_OPTIONS": "--max-http-header-size=20000"}
    plain = same(rig, [program("node"), APPS / "visible.js", how], env=options)
    assert plain.code == {"": 0, "exit": 7}.get(how, 1) and "parserOnIncoming" in plain.out
    assert ("nobody catches it" in plain.err) == (plain.code == 1)


@pytest.mark.parametrize("how", ["", "early", "late", "storage", "promises"])
def test_hooks_of_the_program(rig, how):
    """They see what they would see without us, and promises look as they would."""
    plain = same(rig, [program("node"), APPS / "hooks.js", how])
    assert plain.code == 0 and plain.out.splitlines()[0].startswith("/0 undefined")
    links = [s.rule for s in rig.take(6) if s.kind == "server"]
    assert links == ["remote"] * 3


@pytest.mark.parametrize("how", ["early", "late", "storage", "promises"])
def test_links_beside_hooks_of_the_program(rig, peer, tmp_path, how):
    """Hooks that come before or after ours, stay or go."""
    use = {
        "early": "require('async_hooks').createHook({ init() {}, before() {} }).enable();",
        "late": "setTimeout(() => require('async_hooks').createHook({ init() {}, before() {} }).enable(), 300);",
        "storage": "const s = new (require('async_hooks').AsyncLocalStorage)();"
                   "setInterval(() => { s.enterWith(1); setTimeout(() => s.disable(), 5); }, 15).unref();",
        "promises": "require('v8').promiseHooks.createHook({ init() {}, before() {}, after() {} });",
    }  # fmt: skip
    (tmp_path / "use.js").write_text(use[how])
    started = start(rig, peer, options=["--require", tmp_path / "use.js"])
    for path in ("chain", "event", "immediate"):
        hammer(started.port, f"/{path}/slow/%s", 16, 4)
        linked(rig.take(64 + 64 * CALLS[path], settle=0.4), 64 * CALLS[path])
        rig.collector.new()


@pytest.mark.parametrize(
    "command",
    ["node -e console.log(require('http').METHODS.length,process.execArgv)",
     "node -p Object.keys(require.cache).length",
     "node --input-type=module -e import('http').then((h)=>console.log(Object.keys(process.versions).length))",
     "node --check {app}", "npm --version", "npx --version", "node --test {test}"],
)  # fmt: skip
def test_commands(rig, tmp_path, command):
    if command.startswith("np"):
        program(command.split()[0])
    test = tmp_path / "one.test.js"
    test.write_text("const test = require('node:test'); test('one', () => {});")
    words = command.format(app=APPS / "context.js", test=test).split()
    out = same(rig, [program(words[0]), *words[1:]]) if "--test" not in words else None
    assert out is None or out.code == 0
    if out is None:
        assert rig.run([program("node"), *words[1:]], "node").code == 0


def test_child_processes(rig, peer):
    """Programs that Node starts: Node, which is asked as well, and Python."""
    script = f"""
        const {{ fork, execFileSync }} = require('child_process');
        const child = fork({str(APPS / "context.js")!r}, [{peer.url!r}]);
        console.log(execFileSync({PYTHON!r}, ['-c', 'print(6 * 7)']).toString().trim());
        process.on('SIGTERM', () => {{ child.on('exit', () => process.exit(0)); child.kill(); }});
    """
    started = rig.start([program("node"), "-e", script], "node")
    started.find(r"^42$".replace("^", r"(?m)^"))
    port = int(started.find(r"listening on (\d+)")[1])
    hammer(port, "/nap/slow/%s", 8, 2)
    linked(rig.take(32, settle=0.4), 16)
