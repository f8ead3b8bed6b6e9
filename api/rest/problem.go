package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/epcis"
)

// The exceptions of the standard, as problem types.
const (
	excValidation     = "epcisException:ValidationException"
	excQueryValid     = "epcisException:QueryValidationException"
	excQueryParameter = "epcisException:QueryParameterException"
	excControls       = "epcisException:SubscriptionControlsException"
	excSecurity       = "epcisException:SecurityException"
	excNoSuchName     = "epcisException:NoSuchNameException"
	excNotAcceptable  = "epcisException:NotAcceptableException"
	excExists         = "epcisException:ResourceAlreadyExistsException"
	excCaptureLimit   = "epcisException:CaptureLimitExceededException"
	excTooLarge       = "epcisException:QueryTooLargeException"
	excTooComplex     = "epcisException:QueryTooComplexException"
	excURITooLong     = "epcisException:URITooLongException"
	excMediaType      = "epcisException:UnsupportedMediaTypeException"
	excImplementation = "epcisException:ImplementationException"
)

// problem is a problem document (RFC 7807).
type problem struct {
	XMLName xml.Name `json:"-" xml:"urn:epcglobal:epcis:xsd:2 EPCISException"`
	Type    string   `json:"type" xml:"type"`
	Title   string   `json:"title" xml:"title"`
	Status  int      `json:"status,omitempty" xml:"status,omitempty"`
	Detail  string   `json:"detail,omitempty" xml:"detail,omitempty"`
	// Code is the stable code, an extension member as RFC 7807 allows.
	Code string `json:"code,omitempty" xml:"code,omitempty"`
	// The event that a capture job's error is about.
	Index   *int   `json:"index,omitempty" xml:"index,omitempty"`
	EventID string `json:"eventID,omitempty" xml:"eventID,omitempty"`
	Path    string `json:"path,omitempty" xml:"path,omitempty"`

	// plain tells that the OpenAPI document wants application/json for it.
	plain bool
	code  int
}

func (p *problem) Error() string { return p.Type + ": " + p.Detail }

func newProblem(status int, kind, title, detail string) *problem {
	p := &problem{Type: kind, Title: title, Status: status, Detail: detail, code: status}
	if status == http.StatusConflict {
		// The OpenAPI document lets this problem say status 406 only, by mistake; the
		// member is optional, and the status line tells.
		p.Status = 0
	}
	return p
}

func badQuery(detail string) *problem {
	return newProblem(http.StatusBadRequest, excQueryParameter, "The query is not valid", detail)
}

func badSubscription(detail string) *problem {
	p := newProblem(http.StatusBadRequest, excControls, "The subscription is not valid", detail)
	p.plain = true
	return p
}

func invalid(detail string) *problem {
	return newProblem(http.StatusBadRequest, excValidation, "The request is not valid", detail)
}

func notFound(detail string) *problem {
	return newProblem(http.StatusNotFound, excNoSuchName, "Resource not found", detail)
}

func notAcceptable(detail string) *problem {
	return newProblem(http.StatusNotAcceptable, excNotAcceptable, "Not acceptable", detail)
}

// problemOf is the one table from errors to answers. It is false for an error that
// the caller is not told.
func problemOf(err error) (*problem, bool) {
	var p *problem
	var faults query.Faults
	var doc epcis.Faults
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &p):
		return p, true
	case errors.As(err, &faults):
		if faults.Has(query.CodeSyntax) {
			return newProblem(http.StatusBadRequest, excQueryValid, "The query is not valid", faults.Error()), true
		}
		if faults.Has(query.CodeTooLarge) {
			return newProblem(http.StatusRequestEntityTooLarge, excTooLarge, "Too many events", faults.Error()), true
		}
		return badQuery(faults.Error()), true
	case errors.As(err, &large), errors.As(err, &doc) && (doc.Has(epcis.CodeTooLarge) || doc.Has(epcis.CodeTooManyEvents)):
		return newProblem(http.StatusRequestEntityTooLarge, excCaptureLimit, "Payload too large", err.Error()), true
	case errors.As(err, &doc):
		return invalid(doc.Error()), true
	case errors.Is(err, ErrNotFound):
		return notFound("there is no such resource"), true
	case errors.Is(err, ErrConflict):
		return newProblem(http.StatusConflict, excExists, "A resource with the identifier already exists", "WB_CONFLICT: "+strings.TrimPrefix(said(err, ErrConflict), "WB_CONFLICT: ")), true
	case errors.Is(err, ErrUnauthorized):
		return newProblem(http.StatusUnauthorized, excSecurity, "Unauthorised request", said(err, ErrUnauthorized)), true
	case errors.Is(err, ErrForbidden):
		return newProblem(http.StatusForbidden, excSecurity, "Access to resource forbidden", said(err, ErrForbidden)), true
	case errors.Is(err, ErrBusy):
		return newProblem(http.StatusServiceUnavailable, excImplementation, "The server is busy", said(err, ErrBusy)), true
	case errors.Is(err, ErrUnavailable):
		return newProblem(http.StatusServiceUnavailable, excImplementation, "The server cannot work at the moment", ErrUnavailable.Error()), true
	case errors.Is(err, ErrTooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, excTooLarge, "Too many events", "ask for less"), true
	case errors.Is(err, ErrTooComplex), errors.Is(err, context.DeadlineExceeded):
		return newProblem(http.StatusRequestEntityTooLarge, excTooComplex, "The request takes too long", "ask for less"), true
	case errors.Is(err, ErrInvalid):
		return invalid(err.Error()), true
	}
	return newProblem(http.StatusInternalServerError, excImplementation, "A server-side error occurred", ""), false
}

// said gives what an error says beyond the sentinel that it wraps, or the sentinel's words.
func said(err, sentinel error) string {
	if text, ok := strings.CutPrefix(err.Error(), sentinel.Error()+": "); ok {
		return text
	}
	return sentinel.Error()
}

// code gives the stable code of a problem: the one that its detail begins with, or that of its type.
func (p *problem) stableCode() string {
	if word, _, _ := strings.Cut(p.Detail, ":"); strings.HasPrefix(word, "WB_") && !strings.ContainsAny(word, " ,;") {
		return word
	}
	switch p.Type {
	case excQueryValid, excQueryParameter:
		return "WB_QUERY"
	case excControls:
		return "WB_SUBSCRIPTION"
	case excSecurity:
		return "WB_UNAUTHORISED"
	case excNoSuchName:
		return "WB_NOT_FOUND"
	case excNotAcceptable:
		return "WB_NOT_ACCEPTABLE"
	case excExists:
		return "WB_CONFLICT"
	case excCaptureLimit:
		return "WB_TOO_LARGE"
	case excTooLarge:
		return "WB_QUERY_TOO_LARGE"
	case excTooComplex:
		return "WB_QUERY_TOO_COMPLEX"
	case excURITooLong:
		return "WB_URI_TOO_LONG"
	case excMediaType:
		return "WB_MEDIA_TYPE"
	case excImplementation:
		switch p.code {
		case http.StatusNotImplemented:
			return "WB_NOT_IMPLEMENTED"
		case http.StatusMethodNotAllowed:
			return "WB_METHOD"
		}
		return "WB_INTERNAL"
	}
	return "WB_INVALID"
}

// coded puts the stable code into a problem, as a member and before its detail.
func (p *problem) coded() *problem {
	q := *p
	if q.Code == "" {
		q.Code = p.stableCode()
	}
	if q.Detail == "" {
		q.Detail = q.Code
	} else if !strings.HasPrefix(q.Detail, "WB_") {
		q.Detail = q.Code + ": " + q.Detail
	}
	return &q
}

// fail answers with a problem document.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // nobody listens
	}
	p, told := problemOf(err)
	if !told {
		s.cfg.Log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	p = p.coded()
	kind := "application/problem"
	if p.plain {
		kind = "application"
	}
	var body []byte
	if n := negotiate(r.Header.Get("Accept")); n == mediaXML {
		kind += "+xml"
		if p.plain {
			kind = "application/xml"
		}
		var b bytes.Buffer
		b.WriteString(xml.Header)
		err = xml.NewEncoder(&b).Encode(p)
		body = b.Bytes()
	} else {
		kind += "+json"
		if p.plain {
			kind = "application/json"
		}
		body, err = json.Marshal(p)
	}
	if err != nil {
		s.cfg.Log.ErrorContext(r.Context(), "no problem document", "error", err)
	}
	h := w.Header()
	h.Del("Link")
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if p.code == http.StatusServiceUnavailable {
		h.Set("Retry-After", "5")
	}
	w.WriteHeader(p.code)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}
