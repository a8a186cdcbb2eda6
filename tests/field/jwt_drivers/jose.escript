#!/usr/bin/env escript
%% erlang-jose. See libraries.py for what is read and printed.
main([]) ->
    {ok, _} = application:ensure_all_started(jose),
    jose:json_module(jiffy),
    {ok, Version} = application:get_key(jose, vsn),
    io:format("erlang-jose ~s~n", [Version]),
    [Token, Secret, Kid, Text, Sub] = [list_to_binary(os:getenv(Name)) || Name <- ["TOKEN", "SECRET", "KID", "CLAIMS", "SUB"]],
    Key = jose_jwk:from_map(#{<<"kty">> => <<"oct">>, <<"k">> => Secret}),
    case jose_jwt:verify_strict(Key, [<<"HS256">>], Token) of
        {true, _, _} -> io:format("accepted~n");
        _ -> io:format("refused~n")
    end,
    Header = #{<<"alg">> => <<"HS256">>, <<"typ">> => <<"at+jwt">>, <<"kid">> => Kid},
    io:format("~s~n", [made(jose_jwt:sign(Key, #{<<"sub">> => Sub}))]),
    io:format("~s~n", [made(jose_jwt:sign(Key, Header, jose_jwt:from_binary(Text)))]).

made(Signed) -> element(2, jose_jws:compact(Signed)).
