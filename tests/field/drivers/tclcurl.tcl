# TclCurl, with libcurl's cookie engine; Tcl 8.6's own http package keeps no cookies
package require TclCurl
puts "TclCurl [package present TclCurl], Tcl [info patchlevel]"
set url [lindex $argv end]
set curl [curl::init]
proc ask {path args} {
    global curl url
    $curl configure -url $url$path -bodyvar body {*}$args
    $curl perform
    puts [$curl getinfo responsecode]
}
$curl configure -cookiefile ""
ask /login -post 1 -postfields $env(BODY) -httpheader {{Content-Type: application/json}}
ask /me -httpget 1 -httpheader {}
ask /logout -post 1 -postfields ""
ask /me -httpget 1
