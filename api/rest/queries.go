package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/api/query"
)

const maxName = 256

// queryJSON is a named query as the binding shows it.
type queryJSON struct {
	Name  string          `json:"name"`
	Query json.RawMessage `json:"query"`
}

// validName takes names that can stand in a path and be read by a person.
func validName(s string) bool {
	if s == "" || len(s) > maxName || !utf8.ValidString(s) || s == "." || s == ".." {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == '/' }) < 0
}

// postQuery serves POST /queries.
func (s *Server) postQuery(w http.ResponseWriter, r *http.Request) error {
	if contentType(r) != mediaJSON {
		return unsupported("a query is application/json")
	}
	c, err := extensions(r.Header)
	if err != nil {
		return err
	}
	body, err := readBody(w, r, query.MaxBody)
	if err != nil {
		return bodyFailed(err)
	}
	var q queryJSON
	if err = json.Unmarshal(body, &q); err != nil {
		return newProblem(http.StatusBadRequest, excQueryValid, "The query is not valid", "the body is not a JSON object with name and query")
	}
	if !validName(q.Name) || q.Name == simpleEventQuery {
		return newProblem(http.StatusBadRequest, excQueryValid, "The query is not valid", "the name is missing, or not one that a query may have")
	}
	if len(q.Query) == 0 {
		return newProblem(http.StatusBadRequest, excQueryValid, "The query is not valid", "the member query is missing")
	}
	if _, err = query.ParseJSON(q.Query, c); err != nil {
		return err
	}
	definition, err := withContext(q.Query, r.Header, c.JSON())
	if err != nil {
		return err
	}
	if err := s.cfg.Queries.CreateQuery(r.Context(), NamedQuery{Name: q.Name, Definition: definition}); err != nil {
		return err
	}
	w.Header().Set("Location", s.base(r)+"/queries/"+url.PathEscape(q.Name))
	w.WriteHeader(http.StatusCreated)
	return nil
}

// withContext keeps the prefixes of GS1-Extensions with the query, so that it means
// the same when another request runs it.
func withContext(definition json.RawMessage, h http.Header, c []byte) (json.RawMessage, error) {
	if len(h.Values("GS1-Extensions")) == 0 {
		return definition, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(definition, &members); err != nil {
		return nil, fmt.Errorf("WB_INTERNAL: %w", err)
	}
	joined := json.RawMessage(c)
	if own, ok := members["@context"]; ok {
		var err error
		if joined, err = joinContexts(joined, own); err != nil {
			return nil, err
		}
	}
	members["@context"] = joined
	out, err := json.Marshal(members)
	if err != nil {
		return nil, fmt.Errorf("WB_INTERNAL: %w", err)
	}
	return out, nil
}

// getQuery serves GET /queries/{queryName}. The OpenAPI document wants a list of
// the one query.
func (s *Server) getQuery(w http.ResponseWriter, r *http.Request) error {
	q, err := s.cfg.Queries.Query(r.Context(), r.PathValue("queryName"))
	if err != nil {
		return err
	}
	return writeJSON(w, r, http.StatusOK, []queryJSON{{Name: q.Name, Query: q.Definition}})
}

// listQueries serves GET /queries.
func (s *Server) listQueries(w http.ResponseWriter, r *http.Request) error {
	values, perPage, cursor, err := s.page(r)
	if err != nil {
		return err
	}
	queries, err := s.cfg.Queries.Queries(r.Context(), cursor, perPage)
	if err != nil {
		return err
	}
	next := ""
	if len(queries) > 0 {
		last := queries[len(queries)-1].Name
		more, err := s.cfg.Queries.Queries(r.Context(), last, 1)
		if err != nil {
			return err
		}
		if len(more) > 0 {
			next = last
		}
	}
	list := make([]queryJSON, 0, len(queries))
	for _, q := range queries {
		list = append(list, queryJSON{Name: q.Name, Query: q.Definition})
	}
	s.linkNext(w.Header(), r, values, perPage, next)
	return writeJSON(w, r, http.StatusOK, list)
}

// deleteQuery serves DELETE /queries/{queryName}; those who listen are let go.
func (s *Server) deleteQuery(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("queryName")
	if err := s.cfg.Queries.DeleteQuery(r.Context(), name); err != nil {
		return err
	}
	s.mu.Lock()
	if c, ok := s.gone[name]; ok {
		close(c)
		delete(s.gone, name)
	}
	s.mu.Unlock()
	s.notify.changed()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// queryEvents serves GET /queries/{queryName}/events: a page, or a WebSocket.
func (s *Server) queryEvents(w http.ResponseWriter, r *http.Request) error {
	named, err := s.cfg.Queries.Query(r.Context(), r.PathValue("queryName"))
	if err != nil {
		return err
	}
	q, err := query.ParseJSON(named.Definition, nil)
	if err != nil {
		return err
	}
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return s.socket(w, r, named, q)
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.cfg.RequestTimeout)
	defer cancel()
	r = r.WithContext(ctx)
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return badQuery("the query string is malformed")
	}
	for name := range values {
		if name != "perPage" && name != "nextPageToken" {
			return badSubscription(name + " is not for a page of a named query")
		}
	}
	page, err := query.ParseValues(values, nil)
	if err != nil {
		return err
	}
	q.PerPage, q.NextPageToken = page.PerPage, page.NextPageToken
	return s.answer(w, r, q, values, named.Name)
}
