package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/epcis"
)

func now() time.Time { return time.Now() }

// readAll reads a body without trusting the length it was announced with.
func readAll(r io.Reader, announced, limit int64) ([]byte, error) {
	var b bytes.Buffer
	const trusted = 1 << 20
	if announced > 0 && announced <= limit {
		b.Grow(int(min(announced, trusted)))
	}
	if _, err := b.ReadFrom(r); err != nil {
		return nil, fmt.Errorf("reading the body: %w", err)
	}
	return b.Bytes(), nil
}

// capture serves POST /capture.
func (s *Server) capture(w http.ResponseWriter, r *http.Request) error {
	if contentType(r) == mediaNone {
		return unsupported("a capture is application/json, application/ld+json or application/xml")
	}
	behaviour := Rollback
	switch v := r.Header.Get("GS1-Capture-Error-Behaviour"); ErrorBehaviour(v) {
	case "", Rollback:
	case Proceed:
		behaviour = Proceed
	default:
		return invalid("GS1-Capture-Error-Behaviour is neither rollback nor proceed")
	}
	held := s.cfg.Limits.MaxBytes // as long as nobody says
	if r.ContentLength >= 0 {
		held = min(held, r.ContentLength)
	}
	defer s.documents.Add(-held)
	if s.documents.Add(held) > max(s.cfg.MaxDocuments, held) {
		return ErrBusy
	}
	body, err := readBody(w, r, s.cfg.Limits.MaxBytes)
	if err != nil {
		return bodyFailed(err)
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.RequestTimeout)
	defer cancel()
	doc, err := epcis.ParseDocument(body, s.cfg.Limits)
	if err != nil {
		return err
	}
	if doc.Type == "" {
		return invalid("the body is neither an EPCISDocument nor an EPCISQueryDocument")
	}
	if got := doc.Format; (got == epcis.XML) != (contentType(r) == mediaXML) {
		return unsupported("the body is " + got.String() + ", which is not what its Content-Type says")
	}
	id, err := s.cfg.Capturer.Start(ctx, Capture{Document: doc, Raw: body, Behaviour: behaviour})
	if err != nil {
		return err
	}
	w.Header().Set("Location", s.base(r)+"/capture/"+url.PathEscape(id))
	w.Header().Set("GS1-Capture-Error-Behaviour", string(behaviour))
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// bodyFailed tells a body that broke off from one that is too large.
func bodyFailed(err error) error {
	if p, told := problemOf(err); told {
		return p
	}
	return invalid("the body broke off")
}

// jobJSON is a capture job as the binding shows it.
type jobJSON struct {
	XMLName  xml.Name   `json:"-" xml:"urn:epcglobal:epcis:xsd:2 EPCISCaptureJob"`
	ID       string     `json:"captureID" xml:"captureID,attr"`
	Created  time.Time  `json:"createdAt" xml:"createdAt"`
	Finished *time.Time `json:"finishedAt,omitempty" xml:"finishedAt,omitempty"`
	Running  bool       `json:"running" xml:"running,attr"`
	Success  bool       `json:"success" xml:"success,attr"`
	// Behaviour is that which the capture asked for.
	Behaviour ErrorBehaviour `json:"captureErrorBehaviour" xml:"captureErrorBehaviour"`
	Errors    []*problem     `json:"errors" xml:"errors>EPCISException"`
}

func showJob(j Job) jobJSON {
	out := jobJSON{ID: j.ID, Created: j.Created.UTC(), Running: j.Running, Success: j.Success, Behaviour: j.Behaviour, Errors: []*problem{}}
	if !j.Finished.IsZero() {
		at := j.Finished.UTC()
		out.Finished = &at
	}
	for _, e := range j.Errors {
		detail := e.Detail
		if e.Code != "" {
			detail = e.Code + ": " + strings.TrimPrefix(e.Path+": ", ": ") + strings.TrimPrefix(detail, e.Path+": ")
		}
		p := invalid(detail)
		if e.Conflict {
			p = newProblem(http.StatusConflict, excExists, "An event with the identifier already exists", detail)
		}
		p.Code, p.Index, p.EventID, p.Path = e.Code, e.Index, e.EventID, e.Path
		out.Errors = append(out.Errors, p.coded())
	}
	return out
}

// getJob serves GET /capture/{captureID}.
func (s *Server) getJob(w http.ResponseWriter, r *http.Request) error {
	j, err := s.cfg.Capturer.Job(r.Context(), r.PathValue("captureID"))
	if err != nil {
		return err
	}
	switch negotiate(strings.Join(r.Header.Values("Accept"), ",")) {
	case mediaXML:
		var b bytes.Buffer
		b.WriteString(xml.Header)
		if err = xml.NewEncoder(&b).Encode(showJob(j)); err != nil {
			return fmt.Errorf("WB_INTERNAL: %w", err)
		}
		return write(w, http.StatusOK, "application/xml", b.Bytes())
	case mediaNone:
		return notAcceptable("a capture job exists as application/json and application/xml")
	case mediaJSON:
	}
	body, err := json.Marshal(showJob(j))
	if err != nil {
		return fmt.Errorf("WB_INTERNAL: %w", err)
	}
	return write(w, http.StatusOK, "application/json", body)
}

// listJobs serves GET /capture.
func (s *Server) listJobs(w http.ResponseWriter, r *http.Request) error {
	values, perPage, cursor, err := s.page(r)
	if err != nil {
		return err
	}
	jobs, next, err := s.cfg.Capturer.Jobs(r.Context(), cursor, perPage)
	if err != nil {
		return err
	}
	list := make([]jobJSON, 0, len(jobs))
	for _, j := range jobs {
		list = append(list, showJob(j))
	}
	s.linkNext(w.Header(), r, values, perPage, next)
	return writeJSON(w, r, http.StatusOK, list)
}

// postEvent serves POST /events.
func (s *Server) postEvent(w http.ResponseWriter, r *http.Request) error {
	if contentType(r) != mediaJSON {
		return unsupported("an event is application/json or application/ld+json")
	}
	if err := wantsJSON(r); err != nil {
		return err
	}
	_, identifier, err := s.epcFormat(r.Header.Get("GS1-EPC-Format"))
	if err != nil {
		return err
	}
	body, err := readBody(w, r, int64(s.cfg.Limits.MaxEventBytes))
	if err != nil {
		return bodyFailed(err)
	}
	doc, err := epcis.ParseDocument(body, s.cfg.Limits)
	if err != nil {
		return err
	}
	if doc.Type != "" || len(doc.Events) != 1 {
		return invalid("the body is not one event; documents go to /capture")
	}
	if err = doc.Events[0].Err; err != nil {
		return err
	}
	rec, err := s.cfg.Capturer.Record(r.Context(), doc.Events[0])
	if err != nil {
		return err
	}
	out, err := bareEvent(rec, identifier)
	if err != nil {
		return err
	}
	w.Header().Set("Location", s.base(r)+"/events/"+url.PathEscape(answered(rec).EventID))
	return write(w, http.StatusCreated, jsonType(r), out)
}
