# curl's own cookie file
curl --version | head -1 | cut -d ' ' -f 1,2
ask() { curl -s -o /dev/null -w '%{http_code}\n' -b "$JAR" -c "$JAR" "$@"; }
ask "$1/login" -H 'Content-Type: application/json' -d "$BODY"
ask "$1/me"
ask -X POST "$1/logout"
ask "$1/me"
