package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/epcis"
)

const maxPerPage = query.MaxPerPage

// Server serves the binding. It is an http.Handler; Run delivers subscriptions.
type Server struct {
	cfg     Config
	mux     *http.ServeMux
	notify  *notifier
	sockets chan struct{}
	// documents are the bytes of captures that are being received and read.
	documents atomic.Int64

	// ping is socketPing, except in tests.
	ping time.Duration

	// done is closed when Run ends, to let the sockets go: they outlive the HTTP
	// server's own shutdown.
	done chan struct{}

	mu sync.Mutex
	// gone is closed for each query that is deleted while sockets listen to it.
	gone map[string]chan struct{}
}

// New makes a server that takes requests at once. Webhooks are delivered while Run
// runs.
func New(cfg Config) (*Server, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, mux: http.NewServeMux(), sockets: make(chan struct{}, cfg.MaxSockets), gone: map[string]chan struct{}{}, done: make(chan struct{}), ping: socketPing}
	s.notify = newNotifier(s)
	s.routes()
	return s, nil
}

// Run delivers the results of subscriptions to their webhooks until ctx is done,
// lets open WebSockets go, and returns the error of ctx. It is called once.
func (s *Server) Run(ctx context.Context) error {
	defer close(s.done)
	if s.cfg.Lead == nil {
		return s.notify.run(ctx)
	}
	for {
		leading, release, err := s.cfg.Lead(ctx)
		if err != nil {
			return err
		}
		err = s.notify.run(leading)
		release()
		if ctx.Err() != nil {
			return err
		}
	}
}

type handler func(w http.ResponseWriter, r *http.Request) error

// methods are the handlers of one path.
type methods struct {
	get, post, del handler
	// read and write are the actions that getting and the others ask for.
	read, write Action
	// long lets a GET outlast the time of a request.
	long bool
	// uploads lets the body of a POST take longer to arrive than a request may; the handler bounds the
	// work that follows.
	uploads bool
	// discovery adds headers to the answer of OPTIONS.
	discovery func(h http.Header)
}

func (m methods) allow() string {
	list := []string{http.MethodOptions}
	if m.get != nil {
		list = append(list, http.MethodGet)
	}
	if m.post != nil {
		list = append(list, http.MethodPost)
	}
	if m.del != nil {
		list = append(list, http.MethodDelete)
	}
	return strings.Join(list, ", ")
}

func (s *Server) routes() {
	route := func(path string, m methods) { s.mux.Handle(path, s.dispatch(m)) }
	route("/{$}", methods{get: s.topLevel, read: Discover})
	route("/capture", methods{get: s.listJobs, post: s.capture, read: Read, write: Write, uploads: true, discovery: s.captureDiscovery})
	route("/capture/{captureID}", methods{get: s.getJob, read: Read})
	route("/events", methods{get: s.listEvents, post: s.postEvent, read: Read, write: Write, discovery: s.eventDiscovery})
	route("/events/{eventID}", methods{get: s.getEvent, read: Read})
	for _, of := range []Resource{EventTypes, EPCs, BizSteps, BizLocations, ReadPoints, Dispositions} {
		route("/"+string(of), methods{get: s.listValues(of), read: Read})
		route("/"+string(of)+"/{value}", methods{get: s.getValue(of), read: Read})
		route("/"+string(of)+"/{value}/events", methods{get: s.valueEvents(of), read: Read})
	}
	route("/queries", methods{get: s.listQueries, post: s.postQuery, read: Read, write: Manage})
	route("/queries/{queryName}", methods{get: s.getQuery, del: s.deleteQuery, read: Read, write: Manage})
	route("/queries/{queryName}/events", methods{get: s.queryEvents, read: Read, long: true})
	route("/queries/{queryName}/subscriptions", methods{get: s.listSubscriptions, post: s.postSubscription, read: Manage, write: Manage})
	route("/queries/{queryName}/subscriptions/{subscriptionID}",
		methods{get: s.getSubscription, del: s.deleteSubscription, read: Manage, write: Manage})
	route("/waybill/v1/reports/{report}", methods{get: s.reports(), read: Read, long: true})
	for _, what := range []string{"trace", "recall", "locate"} {
		route("/waybill/v1/"+what, methods{get: s.traces(what), read: Read})
	}
	route("/waybill/v1/proof", methods{get: s.prove, read: Read})
	route("/nextPageToken/{token}", methods{del: s.deleteToken, write: Read})
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, notFound("there is no such path"))
	})
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(r.RequestURI) > s.cfg.MaxURL {
		s.fail(w, r, newProblem(http.StatusRequestURITooLong, excURITooLong, "URI too long", "at most "+strconv.Itoa(s.cfg.MaxURL)+" bytes; use a named query"))
		return
	}
	s.mux.ServeHTTP(w, r)
}

func (s *Server) dispatch(m methods) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var do handler
		action := m.write
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			do, action = m.get, m.read
		case http.MethodPost:
			do = m.post
		case http.MethodDelete:
			do = m.del
		case http.MethodOptions:
			action = Discover
			do = func(w http.ResponseWriter, _ *http.Request) error {
				s.discover(w, m)
				return nil
			}
		}
		if do == nil {
			w.Header().Set("Allow", m.allow())
			s.fail(w, r, newProblem(http.StatusMethodNotAllowed, excImplementation, "Method not allowed", r.Method+" is not for this resource"))
			return
		}
		h := w.Header()
		h.Set("GS1-EPCIS-Version", epcisVersion)
		h.Set("GS1-CBV-Version", cbvVersion)
		if err := s.admit(r, action); err != nil {
			s.fail(w, r, err)
			return
		}
		outlasts := m.long && r.Method == http.MethodGet || m.uploads && r.Method == http.MethodPost
		if !outlasts {
			ctx, cancel := context.WithTimeout(r.Context(), s.cfg.RequestTimeout)
			defer cancel()
			r = r.WithContext(ctx)
		}
		if r.Method == http.MethodHead {
			w = headWriter{w}
		}
		if err := do(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// headWriter writes no body.
type headWriter struct{ http.ResponseWriter }

func (headWriter) Write(b []byte) (int, error) { return len(b), nil }

func (s *Server) admit(r *http.Request, a Action) error {
	if s.cfg.Authorize != nil {
		if err := s.cfg.Authorize(r, a); err != nil {
			return err
		}
	}
	return checkVersions(r)
}

// discover answers OPTIONS.
func (s *Server) discover(w http.ResponseWriter, m methods) {
	h := w.Header()
	h.Set("Allow", m.allow())
	h.Set("GS1-EPCIS-Min", epcisVersion)
	h.Set("GS1-EPCIS-Max", epcisVersion)
	h.Set("GS1-CBV-Min", cbvVersion)
	h.Set("GS1-CBV-Max", cbvVersion)
	h.Set("GS1-EPC-Format", s.cfg.EPCFormat)
	h.Set("GS1-CBV-XML-Format", wordsURN)
	if s.cfg.VendorVersion != "" {
		h.Set("GS1-Vendor-Version", s.cfg.VendorVersion)
	}
	if m.discovery != nil {
		m.discovery(h)
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) captureDiscovery(h http.Header) {
	h.Set("GS1-EPCIS-Capture-Limit", strconv.Itoa(s.cfg.Limits.MaxEvents))
	h.Set("GS1-EPCIS-Capture-File-Size-Limit", strconv.FormatInt(s.cfg.Limits.MaxBytes, 10))
	h.Set("GS1-Capture-Error-Behaviour", "all")
	s.eventDiscovery(h)
}

// eventDiscovery tells the limits of one event, for which the standard has no headers.
func (s *Server) eventDiscovery(h http.Header) {
	if s.cfg.EventBytes > 0 {
		h.Set("Waybill-Event-Size-Limit", strconv.Itoa(s.cfg.EventBytes))
	}
	if s.cfg.EventInstances > 0 {
		h.Set("Waybill-Event-Instance-Limit", strconv.Itoa(s.cfg.EventInstances))
	}
}

// base is what stands before the paths that an answer names.
func (s *Server) base(r *http.Request) string {
	if s.cfg.BaseURL != "" {
		return s.cfg.BaseURL
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// write sends a body.
func write(w http.ResponseWriter, status int, kind string, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // JSON and XML with their types, never HTML
	return nil
}

func writeJSON(w http.ResponseWriter, r *http.Request, status int, v any) error {
	if err := wantsJSON(r); err != nil {
		return err
	}
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	kind := "application/json"
	if _, linked := v.(collection); linked {
		kind = jsonType(r)
	}
	return write(w, status, kind, body)
}

func (s *Server) topLevel(w http.ResponseWriter, r *http.Request) error {
	return writeJSON(w, r, http.StatusOK, newCollection([]string{
		"events", string(EventTypes), string(EPCs), string(BizSteps), string(BizLocations), string(ReadPoints), string(Dispositions), "capture", "queries",
	}))
}

// deleteToken serves DELETE /nextPageToken/{token}: the page that it names is not answered any more.
// A token that is none has no resources, so that there is nothing to say but that they are gone.
func (s *Server) deleteToken(w http.ResponseWriter, r *http.Request) error {
	if s.cfg.Tokens == nil {
		return newProblem(http.StatusNotImplemented, excImplementation, "Functionality not supported by server", "page tokens end by themselves")
	}
	token := r.PathValue("token")
	if expires, ok := tokenExpires(token); ok && expires.After(now()) {
		// Who has not been given the token could not end it by guessing, so its signature is not asked for.
		latest := now().Add(s.cfg.TokenLife)
		if expires.After(latest) {
			expires = latest
		}
		if err := s.cfg.Tokens.EndToken(r.Context(), tokenDigest(token), expires); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// listEvents serves GET /events.
func (s *Server) listEvents(w http.ResponseWriter, r *http.Request) error {
	return s.selection(w, r, nil)
}

// selection answers with a page of the events that the parameters of the URL, and
// what the path adds to them, ask for.
func (s *Server) selection(w http.ResponseWriter, r *http.Request, path url.Values) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return badQuery("the query string is malformed")
	}
	c, err := extensions(r.Header)
	if err != nil {
		return err
	}
	q, err := query.ParseValues(values, c)
	if err != nil {
		return err
	}
	if path != nil {
		more, err := query.ParseValues(path, c)
		if err != nil {
			return err
		}
		q.Predicates = append(q.Predicates, more.Predicates...)
	}
	return s.answer(w, r, q, values, simpleEventQuery)
}

// answer writes a page of a query's results.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, q *query.Query, values url.Values, name string) error {
	perPage := s.cfg.PerPage
	if q.PerPage > 0 {
		perPage = q.PerPage
	}
	cursor, err := s.cursor(r.Context(), scope(r, values), q.NextPageToken)
	if err != nil {
		return err
	}
	d, kind, err := s.results(w, r, name)
	if err != nil {
		return err
	}
	records, next, err := s.cfg.Events.Select(r.Context(), q, cursor, perPage)
	if err != nil {
		return err
	}
	d.records = records
	body, err := d.bytes()
	if err != nil {
		return err
	}
	s.linkNext(w.Header(), r, values, perPage, next)
	return write(w, http.StatusOK, kind, body)
}

// results settles the form of an answer with events.
func (s *Server) results(w http.ResponseWriter, r *http.Request, name string) (results, string, error) {
	d := results{queryName: name, at: now()}
	kind := jsonType(r)
	switch negotiate(strings.Join(r.Header.Values("Accept"), ",")) {
	case mediaXML:
		words, err := xmlFormat(r.Header.Get("GS1-CBV-XML-Format"))
		if err != nil {
			return d, "", err
		}
		d.form, d.webWords, kind = epcis.FormXML, words == wordsWeb, "application/xml"
		w.Header().Set("GS1-CBV-XML-Format", words)
	case mediaNone:
		return d, "", notAcceptable("events exist as application/json and application/xml")
	case mediaJSON:
	}
	format, identifier, err := s.epcFormat(r.Header.Get("GS1-EPC-Format"))
	if err != nil {
		return d, "", err
	}
	d.identifier = identifier
	w.Header().Set("GS1-EPC-Format", format)
	return d, kind, nil
}

// getEvent serves GET /events/{eventID}.
func (s *Server) getEvent(w http.ResponseWriter, r *http.Request) error {
	id := eventIDOf(r)
	d, kind, err := s.results(w, r, simpleEventQuery)
	if err != nil {
		return err
	}
	if d.records, err = s.cfg.Events.Event(r.Context(), id); err != nil {
		return err
	}
	if len(d.records) == 0 {
		return notFound("there is no event with this id")
	}
	body, err := d.bytes()
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, kind, body)
}

// eventIDOf reads the id in the path. The hash of an event as its id holds a '?',
// which some clients do not escape.
func eventIDOf(r *http.Request) string {
	id := r.PathValue("eventID")
	if strings.HasPrefix(id, "ni:///") && !strings.Contains(id, "?") && strings.HasPrefix(r.URL.RawQuery, "ver=") {
		id += "?" + r.URL.RawQuery
	}
	return id
}

// parameterOf gives the query parameter that a resource stands for.
func parameterOf(of Resource) string {
	switch of {
	case EventTypes:
		return "eventType"
	case EPCs:
		return "MATCH_anyEPC"
	case BizSteps:
		return "EQ_bizStep"
	case BizLocations:
		return "EQ_bizLocation"
	case ReadPoints:
		return "EQ_readPoint"
	case Dispositions:
		return "EQ_disposition"
	}
	return ""
}

func (s *Server) listValues(of Resource) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		values, perPage, cursor, err := s.page(r)
		if err != nil {
			return err
		}
		list, err := s.cfg.Events.Values(r.Context(), of, cursor, perPage+1)
		if err != nil {
			return err
		}
		next := ""
		if len(list) > perPage {
			list = list[:perPage]
			next = list[perPage-1]
		}
		s.linkNext(w.Header(), r, values, perPage, next)
		return writeJSON(w, r, http.StatusOK, newCollection(list))
	}
}

// known checks that the resource in the path is there.
func (s *Server) known(r *http.Request, of Resource) (string, error) {
	v := r.PathValue("value")
	if of == EventTypes && epcis.EventType(v).Standard() {
		return v, nil
	}
	ok, err := s.cfg.Events.HasValue(r.Context(), of, v)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", notFound("no event has this value")
	}
	return v, nil
}

func (s *Server) getValue(of Resource) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if _, err := s.known(r, of); err != nil {
			return err
		}
		return writeJSON(w, r, http.StatusOK, newCollection([]string{"events"}))
	}
}

func (s *Server) valueEvents(of Resource) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := s.known(r, of)
		if err != nil {
			return err
		}
		return s.selection(w, r, url.Values{parameterOf(of): {v}})
	}
}

// readBody reads a whole body up to a limit; compressed ones are not read, so that
// the limit bounds the memory.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, unsupported("a body is sent as it is, without a Content-Encoding")
	}
	body := http.MaxBytesReader(w, r.Body, limit)
	return readAll(body, r.ContentLength, limit)
}
