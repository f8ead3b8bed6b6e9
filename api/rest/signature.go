package rest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SignatureHeader is the header that a report is signed in.
const SignatureHeader = "GS1-Signature"

// ErrSignature says that a report was not signed with the token, or too long ago.
var ErrSignature = errors.New("WB_SIGNATURE: the report is not signed with this token")

// Sign gives the signature of a report: t=<seconds since 1970>,v1=<hex of
// HMAC-SHA256 with the token over the seconds, a full stop and the body>.
func Sign(token string, at time.Time, body []byte) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(signature(token, seconds, body))
}

func signature(token, seconds string, body []byte) []byte {
	m := hmac.New(sha256.New, []byte(token))
	m.Write([]byte(seconds))
	m.Write([]byte{'.'})
	m.Write(body)
	return m.Sum(nil)
}

// VerifySignature is for receivers: it checks the GS1-Signature of a report that
// arrived at a time, and that it was signed no longer ago than tolerance.
func VerifySignature(header, token string, body []byte, at time.Time, tolerance time.Duration) error {
	first, second, _ := strings.Cut(header, ",")
	seconds, ok := strings.CutPrefix(first, "t=")
	text, ok2 := strings.CutPrefix(second, "v1=")
	if !ok || !ok2 {
		return fmt.Errorf("%w: the header is malformed", ErrSignature)
	}
	signed, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: the header is malformed", ErrSignature)
	}
	if d := at.Sub(time.Unix(signed, 0)); d > tolerance || d < -tolerance {
		return fmt.Errorf("%w: it was signed %s away from now", ErrSignature, d)
	}
	sum, err := hex.DecodeString(text)
	if err != nil || !hmac.Equal(sum, signature(token, seconds, body)) {
		return ErrSignature
	}
	return nil
}
