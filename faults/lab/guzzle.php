<?php
// Guzzle: 3 s in total.
require 'GuzzleHttp/autoload.php';

$client = new GuzzleHttp\Client(['timeout' => 3, 'http_errors' => false]);
try {
    foreach (array_slice($argv, 1) as $at => $url) {
        $content = (string) $client->get($url)->getBody();
        if ($at !== 1) {
            echo $content;
        }
    }
} catch (Throwable $error) {
    fwrite(STDERR, 'error: ' . $error->getMessage() . "\n");
    exit(1);
}
