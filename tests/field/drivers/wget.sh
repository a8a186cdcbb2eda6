# wget's own cookie file
wget --version | head -1 | cut -d ' ' -f 2,3
ask() { wget -q -O /dev/null -S --load-cookies "$JAR" --save-cookies "$JAR" --keep-session-cookies "$@" 2>&1 | sed -n 's|^ *HTTP/1.1 \([0-9]*\).*|\1|p'; }
touch "$JAR"
ask --header 'Content-Type: application/json' --post-data "$BODY" "$1/login"
ask "$1/me"
ask --post-data '' "$1/logout"
ask "$1/me"
