<?php // Symfony's HttpBrowser, with BrowserKit's CookieJar
require "Symfony/Component/BrowserKit/autoload.php";
require "Symfony/Component/HttpClient/autoload.php";
require "Symfony/Component/Mime/autoload.php";
use Symfony\Component\BrowserKit\HttpBrowser;
use Symfony\Component\HttpClient\HttpClient;
echo "PHP ", PHP_VERSION, ", Symfony as Debian has it\n";
$browser = new HttpBrowser(HttpClient::create());
function ask($browser, $method, $url, $body = null) {
    $browser->request($method, $url, [], [], $body ? ["CONTENT_TYPE" => "application/json"] : [], $body);
    echo $browser->getInternalResponse()->getStatusCode(), "\n";
}
ask($browser, "POST", "$argv[1]/login", getenv("BODY"));
ask($browser, "GET", "$argv[1]/me");
ask($browser, "POST", "$argv[1]/logout");
ask($browser, "GET", "$argv[1]/me");
