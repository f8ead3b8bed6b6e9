package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/api/report"
	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/epcis"
)

// Tracer answers questions of genealogy. What no event names is ErrNotFound.
type Tracer interface {
	Trace(ctx context.Context, q trace.Question) (trace.Graph, error)
	Recall(ctx context.Context, q trace.Question) (trace.Graph, error)
	Locate(ctx context.Context, q trace.Question) (trace.Where, error)
}

// traces serves GET below /waybill/v1: trace, recall and locate. It is no part of the standard's binding;
// the parameters are those of the commands `waybill trace` and `waybill recall`: id, at, direction (up or
// down), depth, nodes and format (json or svg).
func (s *Server) traces(what string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if s.cfg.Traces == nil {
			return notFound("this server traces nothing")
		}
		values, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return badQuery("the query string is malformed")
		}
		q, picture, err := traceQuestion(what, values)
		if err != nil {
			return err
		}
		var answer any
		var g trace.Graph
		switch what {
		case "locate":
			var found trace.Where
			found, err = s.cfg.Traces.Locate(r.Context(), q)
			answer = found.JSON()
		case "recall":
			g, err = s.cfg.Traces.Recall(r.Context(), q)
		default:
			g, err = s.cfg.Traces.Trace(r.Context(), q)
		}
		if errors.Is(err, ErrNotFound) {
			return unheardOf(q.ID)
		}
		if err != nil {
			return err
		}
		var body bytes.Buffer
		switch {
		case picture:
			if err := trace.WriteSVG(&body, &g); err != nil {
				return err
			}
			w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
			return write(w, http.StatusOK, "image/svg+xml", body.Bytes())
		case answer == nil:
			answer = g.JSON()
		}
		if err := wantsJSON(r); err != nil {
			return err
		}
		if err := json.NewEncoder(&body).Encode(answer); err != nil {
			return err
		}
		return write(w, http.StatusOK, "application/json", body.Bytes())
	}
}

// traceQuestion reads the parameters of a question. Each may stand once.
func traceQuestion(what string, values url.Values) (q trace.Question, picture bool, err error) {
	q.Limits.Nodes = trace.DefaultNodes
	if what == "recall" {
		q.Limits.Nodes = trace.MaxNodes
	}
	for name, given := range values {
		if len(given) != 1 {
			return q, false, badQuery(name + " stands " + strconv.Itoa(len(given)) + " times")
		}
		value, graph := given[0], what != "locate"
		switch {
		case name == "id":
			if q.ID, err = tracedID(value); err != nil {
				return q, false, badQuery("id: " + err.Error())
			}
		case name == "at":
			at, failed := time.Parse(time.RFC3339Nano, value)
			if failed != nil {
				return q, false, badQuery("at is no time such as 2026-03-01T00:00:00Z")
			}
			q.At = trace.At(at)
		case name == "direction" && what == "trace":
			if q.Direction = trace.Direction(value); q.Direction != trace.Up && q.Direction != trace.Down {
				return q, false, badQuery("direction is up or down, not " + quoted(value))
			}
		case name == "depth" && graph:
			if q.Limits.Depth, err = bounded(value, trace.MaxDepth); err != nil {
				return q, false, badQuery("depth " + err.Error())
			}
		case name == "nodes" && graph:
			if q.Limits.Nodes, err = bounded(value, trace.MaxNodes); err != nil {
				return q, false, badQuery("nodes " + err.Error())
			}
		case name == "format" && graph:
			if picture = value == "svg"; !picture && value != "json" {
				return q, false, badQuery("format is json or svg, not " + quoted(value))
			}
		default:
			return q, false, badQuery(quoted(name) + " is no parameter of this question; it takes " + traceParameters(what))
		}
	}
	if q.ID == "" {
		return q, false, badQuery("id names nothing")
	}
	if what == "trace" && q.Direction == "" {
		return q, false, badQuery("direction is missing; it is up or down")
	}
	return q, picture, nil
}

// tracedID reads what is asked for: an identifier in any spelling, or a lot as GS1 prints it.
func tracedID(s string) (string, error) {
	if strings.HasPrefix(s, "(01)") {
		lot, err := report.LotOf(s)
		if err != nil {
			return "", errors.New(strings.TrimPrefix(err.Error(), report.ErrArgument.Error()+": "))
		}
		return lot, nil
	}
	return epcis.CanonicalEPC(s)
}

// unheardOf says that no event names a thing, and why if its check digit is wrong: events may name such a
// one, but not what was meant.
func unheardOf(id string) error {
	const most = 300
	detail := "no event names " + string([]rune(id)[:min(most, len([]rune(id)))])
	if f, ok := errors.AsType[epcis.Fault](epcis.VerifyCheckDigit(id)); ok {
		return badQuery(detail + ": " + f.Message)
	}
	return notFound(detail)
}

// traceParameters names what a question takes.
func traceParameters(what string) string {
	switch what {
	case "locate":
		return "id and at"
	case "recall":
		return "id, at, depth, nodes and format"
	}
	return "id, direction, at, depth, nodes and format"
}

// quoted repeats a little of what was sent.
func quoted(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}

// bounded reads a number from 1 to most.
func bounded(s string, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most {
		return 0, outOfBoundsError(most)
	}
	return n, nil
}

type outOfBoundsError int

func (o outOfBoundsError) Error() string { return "is no number from 1 to " + strconv.Itoa(int(o)) }
