{-# LANGUAGE CPP, OverloadedStrings #-}
-- http-client, whose cookie jar is handed on by the one who asks
import qualified Data.ByteString.Char8 as B
import Network.HTTP.Client
import Network.HTTP.Types.Status (statusCode)
import System.Environment (getArgs, getEnv)

main :: IO ()
main = do
  [url] <- getArgs
  body <- getEnv "BODY"
  manager <- newManager defaultManagerSettings
  putStrLn ("http-client " ++ VERSION_http_client)
  let ask jar (method, path, types, content) = do
        plain <- parseRequest (url ++ path)
        answer <- httpLbs plain { method = B.pack method, cookieJar = Just jar, requestBody = RequestBodyBS (B.pack content), requestHeaders = types } manager
        print (statusCode (responseStatus answer))
        pure (responseCookieJar answer)
      json = [("Content-Type", "application/json")]
      go jar (step : more) = ask jar step >>= \next -> go next more
      go _ [] = pure ()
  go (createCookieJar []) [("POST", "/login", json, body), ("GET", "/me", [], ""), ("POST", "/logout", [], ""), ("GET", "/me", [], "")]
