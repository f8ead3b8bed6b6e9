package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/waybill-dev/waybill/api/readmodel"
)

const (
	defaultPage = 100
	maxPage     = 1_000
	// pageBytes bounds what the bodies of a page may come to, below the 4 MiB that gRPC's clients take by default.
	pageBytes = 2 << 20
)

// listRequest is a request for a page.
type listRequest interface {
	proto.Message
	GetPageSize() uint32
	GetPageToken() string
}

// scope identifies a question apart from its page: a token is good for the question it came with.
type scope [8]byte

func scopeOf(req listRequest) (s scope, err error) {
	question := proto.Clone(req)
	m := question.ProtoReflect()
	for _, field := range []string{"page_size", "page_token"} {
		if fd := m.Descriptor().Fields().ByTextName(field); fd != nil {
			m.Clear(fd)
		}
	}
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(question)
	if err != nil {
		return s, err
	}
	sum := sha256.Sum256(append([]byte(m.Descriptor().FullName()), text...))
	copy(s[:], sum[:])
	return s, nil
}

const tokenVersion = 1

func token(s scope, place []byte) string {
	raw := append([]byte{tokenVersion}, s[:]...)
	return base64.RawURLEncoding.EncodeToString(append(raw, place...))
}

func errToken() error {
	return refuse(codes.InvalidArgument, codePageToken, "the page token is not one that this question gave; begin without one")
}

// page reads how many rows a request asks for and where the page before ended (nil: it is the first).
func page(req listRequest) (limit int, s scope, place []byte, err error) {
	if s, err = scopeOf(req); err != nil {
		return 0, s, nil, err
	}
	limit = defaultPage
	if size := req.GetPageSize(); size > 0 {
		limit = int(min(size, maxPage))
	}
	const maxToken = 4 << 10
	switch text := req.GetPageToken(); {
	case text == "":
		return limit, s, nil, nil
	case len(text) > maxToken:
		return 0, s, nil, errToken()
	default:
		raw, err := base64.RawURLEncoding.DecodeString(text)
		// The decoder passes over line breaks and odd last bits; a token has one spelling.
		if err != nil || base64.RawURLEncoding.EncodeToString(raw) != text || len(raw) < 1+len(s) || raw[0] != tokenVersion || scope(raw[1:1+len(s)]) != s {
			return 0, s, nil, errToken()
		}
		return limit, s, raw[1+len(s):], nil
	}
}

func positionToken(s scope, p readmodel.Position) string {
	return token(s, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(nil, p.Block), p.Index))
}

func positionPage(req listRequest) (readmodel.Page, scope, error) {
	limit, s, place, err := page(req)
	if err != nil {
		return readmodel.Page{}, s, err
	}
	p := readmodel.Page{Limit: limit, Bytes: pageBytes}
	if place != nil {
		const size = 12
		if len(place) != size {
			return p, s, errToken()
		}
		p.After = &readmodel.Position{Block: binary.BigEndian.Uint64(place), Index: binary.BigEndian.Uint32(place[8:])}
	}
	return p, s, nil
}

// listing asks for a page of rows in ledger order and tells each.
type listing[R, M any] struct {
	ask      func(ctx context.Context, page readmodel.Page) (readmodel.Rows[R], error)
	position func(R) readmodel.Position
	message  func(R) M
}

// listed gives the page that a request asks for and the token of the page after it, empty on the last.
func listed[R, M any](ctx context.Context, req listRequest, newest bool, l listing[R, M]) (messages []M, next string, err error) {
	page, question, err := positionPage(req)
	if err != nil {
		return nil, "", err
	}
	page.Newest = newest
	found, err := l.ask(ctx, page)
	if err != nil {
		return nil, "", err
	}
	for _, row := range found.Rows {
		messages = append(messages, l.message(row))
	}
	if found.More {
		next = positionToken(question, l.position(found.Rows[len(found.Rows)-1]))
	}
	return messages, next, nil
}

// numberPage reads the number that the page before ended with; 0 for the first page.
func numberPage(req listRequest) (limit int, s scope, next uint64, err error) {
	limit, s, place, err := page(req)
	if err != nil || place == nil {
		return limit, s, 0, err
	}
	next, n := binary.Uvarint(place)
	if n != len(place) {
		return 0, s, 0, errToken()
	}
	return limit, s, next, nil
}

func numberToken(s scope, next uint64) string { return token(s, binary.AppendUvarint(nil, next)) }

func tooMany(what string, n, limit int) error {
	if n <= limit {
		return nil
	}
	return refuse(codes.ResourceExhausted, codeTooMany, "%s", fmt.Sprintf("%d %s in one call, at most %d are allowed; split them", n, what, limit))
}
