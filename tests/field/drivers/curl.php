<?php // PHP's curl extension with its cookie engine
echo "PHP ", PHP_VERSION, ", libcurl ", curl_version()["version"], "\n";
$curl = curl_init();
curl_setopt_array($curl, [CURLOPT_COOKIEFILE => "", CURLOPT_RETURNTRANSFER => true]);
function ask($curl, $url, $body = null) {
    curl_setopt_array($curl, [CURLOPT_URL => $url, CURLOPT_HTTPGET => true]);
    if ($body !== null) curl_setopt_array($curl, [CURLOPT_POST => true, CURLOPT_POSTFIELDS => $body]);
    curl_setopt($curl, CURLOPT_HTTPHEADER, $body ? ["Content-Type: application/json"] : []);
    curl_exec($curl);
    echo curl_getinfo($curl, CURLINFO_RESPONSE_CODE), "\n";
}
ask($curl, "$argv[1]/login", getenv("BODY"));
ask($curl, "$argv[1]/me");
ask($curl, "$argv[1]/logout", "");
ask($curl, "$argv[1]/me");
