<?php
// PHP's own server: GET /KIND/ID makes its calls to /KIND/ID/0, /1, ... with ext/curl. Environment: as front_flask.py.

function handle(int $number): CurlHandle
{
	$backends = explode(",", getenv("BACKENDS"));
	$made = curl_init("http://" . $backends[$number % count($backends)] . $_SERVER["REQUEST_URI"] . "/" . $number);
	curl_setopt_array($made, [CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 10]);
	return $made;
}

function call(int $number): int
{
	$made = handle($number);
	curl_exec($made);
	return curl_getinfo($made, CURLINFO_RESPONSE_CODE);
}

// One handle for all: it keeps its connections.
function sequence(): array
{
	$out = [];
	$made = handle(0);
	for ($number = 0; $number < 3; $number++) {
		curl_setopt($made, CURLOPT_URL, curl_getinfo(handle($number), CURLINFO_EFFECTIVE_URL));
		curl_exec($made);
		$out[] = curl_getinfo($made, CURLINFO_RESPONSE_CODE);
	}
	return $out;
}

function fan(): array
{
	$all = array_map("handle", [0, 1, 2]);
	$multi = curl_multi_init();
	foreach ($all as $one) {
		curl_multi_add_handle($multi, $one);
	}
	do {
		curl_multi_exec($multi, $running);
		curl_multi_select($multi);
	} while ($running);
	return array_map(fn($one) => curl_getinfo($one, CURLINFO_RESPONSE_CODE), $all);
}

function query(): void
{
	$link = stream_socket_client("tcp://" . getenv("DATABASE"));
	fwrite($link, "select\n");
	fgets($link);
	fclose($link);
}

function nap(): array
{
	usleep(3000);
	$first = call(0);
	usleep(2000);
	return [$first, call(1)];
}

function db(): array
{
	query();
	$first = call(0);
	query();
	return [$first, call(1)];
}

$kinds = [
	"one" => fn() => [call(0)],
	"seq" => "sequence",
	"nap" => "nap",
	"db" => "db",
	"fan" => "fan",
];
$body = json_encode($kinds[explode("/", $_SERVER["REQUEST_URI"])[1]]());
header("Content-Type: application/json");
header("Content-Length: " . strlen($body));
echo $body;
