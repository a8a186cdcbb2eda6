# HTTPie with a named session
echo "HTTPie $(http --version)"
export HTTPIE_CONFIG_DIR=$JAR.d
ask() { http --ignore-stdin --session=one --headers "$@" | sed -n '1s|^HTTP/1.1 \([0-9]*\).*|\1|p'; }
echo "$BODY" | http --session=one --headers POST "$1/login" Content-Type:application/json | sed -n '1s|^HTTP/1.1 \([0-9]*\).*|\1|p'
ask GET "$1/me"
ask POST "$1/logout"
ask GET "$1/me"
