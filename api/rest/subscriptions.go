package rest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/waybill-dev/waybill/api/query"
)

const (
	maxSubscription   = 64 << 10
	maxSignatureToken = 1024
)

// subscriptionRequest is the body of POST …/subscriptions. The OpenAPI document
// names the secret signatureToken, and once secret.
type subscriptionRequest struct {
	Dest              string     `json:"dest"`
	SignatureToken    string     `json:"signatureToken"`
	Secret            string     `json:"secret"`
	InitialRecordTime *time.Time `json:"initialRecordTime"`
	ReportIfEmpty     bool       `json:"reportIfEmpty"`
	Stream            *bool      `json:"stream"`
	Schedule          *Schedule  `json:"schedule"`
}

// subscriptionJSON is a subscription as the binding shows it. It never holds the
// secret.
type subscriptionJSON struct {
	ID                string     `json:"subscriptionID"`
	QueryName         string     `json:"queryName"`
	Dest              string     `json:"dest"`
	Created           time.Time  `json:"createdAt"`
	LastNotified      *time.Time `json:"lastNotifiedAt,omitempty"`
	InitialRecordTime *time.Time `json:"initialRecordTime,omitempty"`
	MinRecordTime     *time.Time `json:"minRecordTime,omitempty"`
	EPCFormat         string     `json:"epcFormat,omitempty"`
	Stream            bool       `json:"stream,omitempty"`
	ReportIfEmpty     *bool      `json:"reportIfEmpty,omitempty"`
	Schedule          *Schedule  `json:"schedule,omitempty"`
}

func showSubscription(s Subscription, p Progress) subscriptionJSON {
	at := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.UTC()
		return &t
	}
	out := subscriptionJSON{
		ID: s.ID, QueryName: s.Query, Dest: s.Dest, Created: s.Created.UTC(), LastNotified: at(p.LastNotified),
		InitialRecordTime: at(s.InitialRecordTime), EPCFormat: s.EPCFormat, Stream: s.Schedule == nil, Schedule: s.Schedule,
	}
	if s.Schedule != nil {
		out.ReportIfEmpty = &s.ReportIfEmpty
		out.MinRecordTime = at(p.LastRun)
	}
	if out.MinRecordTime == nil {
		out.MinRecordTime = out.InitialRecordTime
	}
	return out
}

// postSubscription serves POST /queries/{queryName}/subscriptions.
func (s *Server) postSubscription(w http.ResponseWriter, r *http.Request) error {
	if contentType(r) != mediaJSON {
		return unsupported("a subscription is application/json")
	}
	if err := wantsJSON(r); err != nil {
		return err
	}
	name := r.PathValue("queryName")
	q, err := s.named(r.Context(), name)
	if err != nil {
		return err
	}
	if err = subscribable(q); err != nil {
		return err
	}
	body, err := readBody(w, r, maxSubscription)
	if err != nil {
		return bodyFailed(err)
	}
	var in subscriptionRequest
	if err = json.Unmarshal(body, &in); err != nil {
		if errors.Is(err, errSchedule) {
			return badSubscription(err.Error())
		}
		return badSubscription("the body is not a subscription")
	}
	if in.SignatureToken == "" {
		in.SignatureToken = in.Secret
	}
	switch stream := in.Stream != nil && *in.Stream; {
	case stream == (in.Schedule != nil):
		return badSubscription("either stream is true or there is a schedule")
	case len(in.SignatureToken) > maxSignatureToken:
		return badSubscription("the signatureToken is too long")
	}
	if err = s.cfg.Targets.check(in.Dest); err != nil {
		return badSubscription(err.Error())
	}
	format, _, err := s.epcFormat(r.Header.Get("GS1-EPC-Format"))
	if err != nil {
		return err
	}
	at := now()
	sub := Subscription{
		ID: rand.Text(), Query: name, Dest: in.Dest, SignatureToken: in.SignatureToken, Created: at, InitialRecordTime: at,
		Schedule: in.Schedule, ReportIfEmpty: in.ReportIfEmpty, EPCFormat: format,
	}
	if in.InitialRecordTime != nil {
		sub.InitialRecordTime = *in.InitialRecordTime
	}
	position, err := s.cfg.Events.PositionAt(r.Context(), sub.InitialRecordTime)
	if err != nil {
		return err
	}
	p := Progress{Position: position, LastRun: at}
	if err := s.cfg.Subscriptions.CreateSubscription(r.Context(), sub, p); err != nil {
		return err
	}
	s.notify.changed()
	w.Header().Set("Location", s.base(r)+"/queries/"+url.PathEscape(name)+"/subscriptions/"+url.PathEscape(sub.ID))
	return writeJSON(w, r, http.StatusCreated, showSubscription(sub, Progress{}))
}

// subscribable refuses what the standard says a standing query has no use for.
func subscribable(q *query.Query) error {
	if q.Order.Field != query.OrderNone || q.EventCountLimit > 0 || q.MaxEventCount > 0 {
		return badSubscription("a query with orderBy, eventCountLimit or maxEventCount cannot be subscribed to")
	}
	return nil
}

// named gives a named query, ready to run.
func (s *Server) named(ctx context.Context, name string) (*query.Query, error) {
	n, err := s.cfg.Queries.Query(ctx, name)
	if err != nil {
		return nil, err
	}
	q, err := query.ParseJSON(n.Definition, nil)
	if err != nil {
		return nil, fmt.Errorf("WB_INTERNAL: stored query %q: %v", name, err) //nolint:errorlint // a stored query is not the caller's fault
	}
	return q, nil
}

// getSubscription serves GET …/subscriptions/{subscriptionID}.
func (s *Server) getSubscription(w http.ResponseWriter, r *http.Request) error {
	sub, p, err := s.cfg.Subscriptions.Subscription(r.Context(), r.PathValue("queryName"), r.PathValue("subscriptionID"))
	if err != nil {
		return err
	}
	return writeJSON(w, r, http.StatusOK, showSubscription(sub, p))
}

// deleteSubscription serves DELETE …/subscriptions/{subscriptionID}.
func (s *Server) deleteSubscription(w http.ResponseWriter, r *http.Request) error {
	if err := s.cfg.Subscriptions.DeleteSubscription(r.Context(), r.PathValue("queryName"), r.PathValue("subscriptionID")); err != nil {
		return err
	}
	s.notify.changed()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// listSubscriptions serves GET …/subscriptions.
func (s *Server) listSubscriptions(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("queryName")
	if _, err := s.cfg.Queries.Query(r.Context(), name); err != nil {
		return err
	}
	values, perPage, cursor, err := s.page(r)
	if err != nil {
		return err
	}
	subs, err := s.cfg.Subscriptions.Subscriptions(r.Context(), name, cursor, perPage+1)
	if err != nil {
		return err
	}
	next := ""
	if len(subs) > perPage {
		subs = subs[:perPage]
		next = subs[perPage-1].ID
	}
	list := make([]subscriptionJSON, 0, len(subs))
	for _, sub := range subs {
		_, p, err := s.cfg.Subscriptions.Subscription(r.Context(), name, sub.ID)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		list = append(list, showSubscription(sub, p))
	}
	s.linkNext(w.Header(), r, values, perPage, next)
	return writeJSON(w, r, http.StatusOK, list)
}
