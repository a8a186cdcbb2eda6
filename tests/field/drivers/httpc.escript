#!/usr/bin/env escript
%% Erlang's httpc, whose cookies are off unless asked for
main([Url]) ->
    {ok, _} = application:ensure_all_started(inets),
    {ok, Version} = application:get_key(inets, vsn),
    io:format("inets ~s~n", [Version]),
    ok = httpc:set_options([{cookies, enabled}]),
    ask(post, {Url ++ "/login", [], "application/json", os:getenv("BODY")}),
    ask(get, {Url ++ "/me", []}),
    ask(post, {Url ++ "/logout", [], "text/plain", ""}),
    ask(get, {Url ++ "/me", []}).

ask(Method, Request) ->
    {ok, {{_, Status, _}, _, _}} = httpc:request(Method, Request, [], []),
    io:format("~p~n", [Status]).
