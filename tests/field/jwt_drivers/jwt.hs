{-# LANGUAGE OverloadedStrings #-}
-- Haskell's jwt. See libraries.py for what is read and printed: here the key comes as hexadecimal digits in HEX.
import Data.Aeson (decode)
import qualified Data.ByteString as B
import Data.ByteString.Lazy.Char8 (pack)
import qualified Data.Text as T
import qualified Data.Text.IO as T
import Numeric (readHex)
import System.Environment (getEnv)
import Web.JWT hiding (decode)

bytes :: String -> B.ByteString
bytes digits = B.pack [fst (head (readHex (take 2 (drop place digits)))) | place <- [0, 2 .. length digits - 2]]

main :: IO ()
main = do
  key <- EncodeHMACSecret . bytes <$> getEnv "HEX"
  [token, kid, subject] <- mapM (fmap T.pack . getEnv) ["TOKEN", "KID", "SUB"]
  Just given <- decode . pack <$> getEnv "CLAIMS"
  putStrLn "jwt 0.11, as Debian has it"
  putStrLn (maybe "refused" (const "accepted") (decodeAndVerifySignature (toVerify key) token))
  T.putStrLn (encodeSigned key mempty mempty { sub = stringOrURI subject })
  T.putStrLn (encodeSigned key mempty { typ = Just "at+jwt", kid = Just kid } given)
