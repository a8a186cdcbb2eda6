<?php // Guzzle with its CookieJar
require "GuzzleHttp/autoload.php";
echo "Guzzle ", GuzzleHttp\ClientInterface::MAJOR_VERSION, "\n";
$client = new GuzzleHttp\Client(["cookies" => true, "http_errors" => false]);
$json = ["Content-Type" => "application/json"];
echo $client->post("$argv[1]/login", ["body" => getenv("BODY"), "headers" => $json])->getStatusCode(), "\n";
echo $client->get("$argv[1]/me")->getStatusCode(), "\n";
echo $client->post("$argv[1]/logout")->getStatusCode(), "\n";
echo $client->get("$argv[1]/me")->getStatusCode(), "\n";
