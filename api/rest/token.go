package rest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	tokenMAC  = 16
	tokenHead = 8
	maxCursor = 2048
)

// token signs a cursor together with what it goes on with, so that it can be used
// for nothing else, and with the time when it ends.
func (s *Server) token(scope, cursor string, expires time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(expires.Unix())) //nolint:gosec // after 1970
	b = append(b, cursor...)
	return base64.RawURLEncoding.EncodeToString(append(b, s.mac(scope, b)...))
}

func (s *Server) mac(scope string, b []byte) []byte {
	m := hmac.New(sha256.New, s.cfg.TokenKey)
	m.Write([]byte(scope))
	m.Write([]byte{0})
	m.Write(b)
	return m.Sum(nil)[:tokenMAC]
}

// cursor gives what a token stands for.
func (s *Server) cursor(ctx context.Context, scope, token string) (string, error) {
	if token == "" {
		return "", nil
	}
	refuse := badQuery("nextPageToken is not one of this request, or has expired")
	if len(token) > 2*maxCursor {
		return "", refuse
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < tokenHead+tokenMAC {
		return "", refuse
	}
	body, sum := b[:len(b)-tokenMAC], b[len(b)-tokenMAC:]
	if !hmac.Equal(sum, s.mac(scope, body)) {
		return "", refuse
	}
	if expires := binary.BigEndian.Uint64(body); time.Now().Unix() > int64(expires) { //nolint:gosec // signed by this server
		return "", refuse
	}
	if s.cfg.Tokens != nil {
		ended, err := s.cfg.Tokens.TokenEnded(ctx, tokenDigest(token))
		if err != nil {
			return "", err
		}
		if ended {
			return "", badQuery("nextPageToken was given back")
		}
	}
	return string(body[tokenHead:]), nil
}

// tokenDigest names a token to Tokens. All spellings of its bytes have the same.
func tokenDigest(token string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		b = []byte(token)
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// tokenExpires gives the time when a token ends, if it has the form of one.
func tokenExpires(token string) (time.Time, bool) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(token) > 2*maxCursor || len(b) < tokenHead+tokenMAC {
		return time.Time{}, false
	}
	return time.Unix(int64(binary.BigEndian.Uint64(b)), 0), true //nolint:gosec // compared with other times only
}

// scope names what a page token belongs to: the path and the parameters of the
// query, but not the size of a page.
func scope(r *http.Request, values url.Values) string {
	v := url.Values{}
	for name, list := range values {
		if name != "perPage" && name != "nextPageToken" {
			v[name] = list
		}
	}
	return r.URL.EscapedPath() + "?" + v.Encode() + "#" + strings.Join(r.Header.Values("GS1-Extensions"), ",")
}

// linkNext announces the next page.
func (s *Server) linkNext(h http.Header, r *http.Request, values url.Values, perPage int, next string) {
	if next == "" {
		return
	}
	expires := time.Now().Add(s.cfg.TokenLife)
	v := maps.Clone(values)
	v.Set("perPage", strconv.Itoa(perPage))
	v.Set("nextPageToken", s.token(scope(r, values), next, expires))
	h.Set("Link", "<"+s.base(r)+r.URL.EscapedPath()+"?"+v.Encode()+`>; rel="next"`)
	h.Set("GS1-Next-Page-Token-Expires", expires.UTC().Format(time.RFC3339))
}

// page reads perPage and nextPageToken of a list.
func (s *Server) page(r *http.Request) (values url.Values, perPage int, cursor string, err error) {
	if values, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return nil, 0, "", badQuery("the query string is malformed")
	}
	perPage = s.cfg.PerPage
	if text := values.Get("perPage"); text != "" {
		n, malformed := strconv.ParseInt(text, 10, 32)
		if malformed != nil || n < 1 {
			return nil, 0, "", badQuery("perPage is a whole number from 1")
		}
		perPage = min(int(n), maxPerPage)
	}
	cursor, err = s.cursor(r.Context(), scope(r, values), values.Get("nextPageToken"))
	return values, perPage, cursor, err
}
