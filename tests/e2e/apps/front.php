<?php
// A router for "php -S" that knows nothing of tracing. /call/... calls $URL by a stream; /curl/... by ext/curl.
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if (str_starts_with($path, '/call')) {
    echo file_get_contents(getenv('URL') . substr($path, 5));
} elseif ($path == '/fail') {
    http_response_code(500);
} else {
    echo 'quick';
}
