// Package resttest holds everything the REST binding asks for in memory, with the
// rules of a real repository: an event is there once, by its hash; an eventID
// belongs to one event; a capture rolls back as a whole or proceeds; pages go on
// where they ended, whatever was recorded since.
//
// Only tests import it.
package resttest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/epcis"
)

// Store implements the four interfaces of package rest.
type Store struct {
	mu      sync.Mutex
	records []rest.Record
	byHash  map[epcis.Hash]int
	byID    map[string]epcis.Hash
	jobs    []*rest.Job
	queries map[string]rest.NamedQuery
	subs    map[string]*subscription
	// more is closed and replaced at each recording.
	more chan struct{}
	last time.Time
	// hold keeps captures from running; nil lets them run.
	hold chan struct{}
	wg   sync.WaitGroup
}

type subscription struct {
	rest.Subscription
	rest.Progress
}

// New gives an empty store.
func New() *Store {
	return &Store{
		byHash: map[epcis.Hash]int{}, byID: map[string]epcis.Hash{}, queries: map[string]rest.NamedQuery{},
		subs: map[string]*subscription{}, more: make(chan struct{}),
	}
}

// Hold keeps captures from finishing until release is called.
func (s *Store) Hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hold := make(chan struct{})
	s.hold = hold
	return func() {
		s.mu.Lock()
		s.hold = nil
		s.mu.Unlock()
		close(hold)
	}
}

// Settle waits for all captures.
func (s *Store) Settle() { s.wg.Wait() }

// record records one event; it tells whether an event with its id has other content.
func (s *Store) record(e *epcis.Event) (rest.Record, bool) {
	h := e.Hash()
	if i, ok := s.byHash[h]; ok && e.ErrorDeclaration == nil {
		return s.records[i], false
	}
	if id := e.EventID; id != "" && e.ErrorDeclaration == nil {
		if have, ok := s.byID[id]; ok && have != h {
			return rest.Record{}, true
		}
		s.byID[id] = h
	}
	// Record times are different, as the order of recording is.
	at := time.Now()
	if !at.After(s.last) {
		at = s.last.Add(time.Microsecond)
	}
	s.last = at
	r := rest.Record{Event: e, Hash: h, RecordTime: at}
	if _, ok := s.byHash[h]; !ok {
		s.byHash[h] = len(s.records)
	}
	s.records = append(s.records, r)
	close(s.more)
	s.more = make(chan struct{})
	return r, false
}

// Record implements rest.Capturer.
func (s *Store) Record(_ context.Context, event epcis.Source) (rest.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if event.Err != nil {
		return rest.Record{}, fmt.Errorf("%w: %w", rest.ErrInvalid, event.Err)
	}
	r, conflict := s.record(event.Event)
	if conflict {
		return r, rest.ErrConflict
	}
	return r, nil
}

// Start implements rest.Capturer.
func (s *Store) Start(_ context.Context, c rest.Capture) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j := &rest.Job{ID: fmt.Sprintf("id%08d", len(s.jobs)+1), Created: time.Now(), Running: true, Success: true, Behaviour: c.Behaviour}
	s.jobs = append(s.jobs, j)
	hold := s.hold
	s.wg.Go(func() {
		if hold != nil {
			<-hold
		}
		s.run(j, c)
	})
	return j.ID, nil
}

func (s *Store) run(j *rest.Job, c rest.Capture) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := map[string]epcis.Hash{}
	var good []*epcis.Event
	for _, e := range c.Document.Events {
		if e.Err != nil {
			j.Errors = append(j.Errors, rest.JobError{Detail: e.Err.Error()})
			continue
		}
		h := e.Event.Hash()
		if id := e.Event.EventID; id != "" && e.Event.ErrorDeclaration == nil {
			have, ok := s.byID[id]
			if !ok {
				have, ok = ids[id]
			}
			if ok && have != h {
				j.Errors = append(j.Errors, rest.JobError{Conflict: true, Detail: "WB_CONFLICT: " + e.Path + ": the eventID belongs to another event"})
				continue
			}
			ids[id] = h
		}
		good = append(good, e.Event)
	}
	j.Success = len(j.Errors) == 0
	if j.Success || c.Behaviour == rest.Proceed {
		for _, e := range good {
			s.record(e)
		}
	}
	j.Running, j.Finished = false, time.Now()
}

// Job implements rest.Capturer.
func (s *Store) Job(_ context.Context, id string) (rest.Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.jobs {
		if j.ID == id {
			return *j, nil
		}
	}
	return rest.Job{}, rest.ErrNotFound
}

// Jobs implements rest.Capturer.
func (s *Store) Jobs(_ context.Context, cursor string, limit int) ([]rest.Job, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := len(s.jobs)
	if cursor != "" {
		n, err := strconv.Atoi(cursor)
		if err != nil {
			return nil, "", rest.ErrInvalid
		}
		at = n
	}
	var list []rest.Job
	for at > 0 && len(list) < limit {
		at--
		list = append(list, *s.jobs[at])
	}
	if at == 0 {
		return list, "", nil
	}
	return list, strconv.Itoa(at), nil
}

// shown is an event as queries see it.
func shown(r rest.Record) *epcis.Event {
	e := *r.Event
	if e.EventID == "" {
		e.EventID = r.Hash.String()
	}
	e.RecordTime = epcis.Time{Instant: r.RecordTime.UTC().Truncate(time.Millisecond), Text: "recorded"}
	return &e
}

// Select implements rest.Events. A cursor is the number of events recorded when the
// first page was answered, and the number of results before the page.
func (s *Store) Select(_ context.Context, q *query.Query, cursor string, limit int) ([]rest.Record, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	horizon, skip := len(s.records), 0
	if cursor != "" {
		a, b, _ := strings.Cut(cursor, ":")
		var err, err2 error
		horizon, err = strconv.Atoi(a)
		skip, err2 = strconv.Atoi(b)
		if err != nil || err2 != nil {
			return nil, "", rest.ErrInvalid
		}
	}
	events := make([]*epcis.Event, horizon)
	at := map[*epcis.Event]rest.Record{}
	for i, r := range s.records[:horizon] {
		events[i] = shown(r)
		at[events[i]] = r
	}
	result, err := q.Select(events, nil)
	if err != nil {
		return nil, "", err
	}
	var page []rest.Record
	for _, e := range result[min(skip, len(result)):] {
		if len(page) == limit {
			return page, fmt.Sprintf("%d:%d", horizon, skip+limit), nil
		}
		page = append(page, at[e])
	}
	return page, "", nil
}

// Event implements rest.Events.
func (s *Store) Event(_ context.Context, id string) ([]rest.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []rest.Record
	for _, r := range s.records {
		if r.Event.EventID == id || r.Hash.String() == id {
			list = append(list, r)
		}
	}
	if list == nil {
		return nil, rest.ErrNotFound
	}
	return list, nil
}

func valuesOf(e *epcis.Event, of rest.Resource) []string {
	switch of {
	case rest.EventTypes:
		return []string{string(e.Type)}
	case rest.EPCs:
		return slices.Concat([]string{e.ParentID}, e.EPCs, e.ChildEPCs, e.InputEPCs, e.OutputEPCs)
	case rest.BizSteps:
		return []string{string(e.BizStep)}
	case rest.Dispositions:
		return []string{string(e.Disposition)}
	case rest.BizLocations:
		if e.BizLocation != nil {
			return []string{e.BizLocation.ID}
		}
	case rest.ReadPoints:
		if e.ReadPoint != nil {
			return []string{e.ReadPoint.ID}
		}
	}
	return nil
}

// Values implements rest.Events.
func (s *Store) Values(_ context.Context, of rest.Resource, after string, limit int) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := map[string]bool{}
	for _, r := range s.records {
		for _, v := range valuesOf(r.Event, of) {
			if v = query.CanonicalID(v); v > after {
				set[v] = true
			}
		}
	}
	var list []string
	for v := range set {
		list = append(list, v)
	}
	slices.Sort(list)
	return list[:min(limit, len(list))], nil
}

// HasValue implements rest.Events.
func (s *Store) HasValue(_ context.Context, of rest.Resource, value string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bare := value[strings.LastIndexByte(value, ':')+1:]
	for _, r := range s.records {
		for _, v := range valuesOf(r.Event, of) {
			if query.CanonicalID(v) == query.CanonicalID(value) || strings.HasPrefix(value, "urn:epcglobal:cbv:") && v == bare {
				return true, nil
			}
		}
	}
	return false, nil
}

// After implements rest.Events. A position is a number of events.
func (s *Store) After(_ context.Context, position string, limit int) ([]rest.Record, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, err := at(position)
	if err != nil {
		return nil, "", err
	}
	end := min(at+limit, len(s.records))
	return slices.Clone(s.records[at:end]), strconv.Itoa(end), nil
}

func at(position string) (int, error) {
	if position == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(position)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", rest.ErrInvalid, err)
	}
	return n, nil
}

// PositionAt implements rest.Events.
func (s *Store) PositionAt(_ context.Context, from time.Time) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range s.records {
		if !r.RecordTime.Before(from) {
			return strconv.Itoa(i), nil
		}
	}
	return strconv.Itoa(len(s.records)), nil
}

// Wait implements rest.Events.
func (s *Store) Wait(ctx context.Context, position string) error {
	n, err := at(position)
	if err != nil {
		return err
	}
	for {
		s.mu.Lock()
		have, more := len(s.records), s.more
		s.mu.Unlock()
		if have > n {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-more:
		}
	}
}

// CreateQuery implements rest.Queries.
func (s *Store) CreateQuery(_ context.Context, q rest.NamedQuery) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.queries[q.Name]; ok {
		return rest.ErrConflict
	}
	s.queries[q.Name] = q
	return nil
}

// Query implements rest.Queries.
func (s *Store) Query(_ context.Context, name string) (rest.NamedQuery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, ok := s.queries[name]
	if !ok {
		return q, rest.ErrNotFound
	}
	return q, nil
}

// Queries implements rest.Queries.
func (s *Store) Queries(_ context.Context, after string, limit int) ([]rest.NamedQuery, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []rest.NamedQuery
	for name, q := range s.queries {
		if name > after {
			list = append(list, q)
		}
	}
	slices.SortFunc(list, func(a, b rest.NamedQuery) int { return strings.Compare(a.Name, b.Name) })
	return list[:min(limit, len(list))], nil
}

// DeleteQuery implements rest.Queries.
func (s *Store) DeleteQuery(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.queries[name]; !ok {
		return rest.ErrNotFound
	}
	delete(s.queries, name)
	for id, sub := range s.subs {
		if sub.Query == name {
			delete(s.subs, id)
		}
	}
	return nil
}

// CreateSubscription implements rest.Subscriptions.
func (s *Store) CreateSubscription(_ context.Context, sub rest.Subscription, p rest.Progress) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.queries[sub.Query]; !ok {
		return rest.ErrNotFound
	}
	s.subs[sub.ID] = &subscription{sub, p}
	return nil
}

// Subscription implements rest.Subscriptions.
func (s *Store) Subscription(_ context.Context, queryName, id string) (rest.Subscription, rest.Progress, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, ok := s.subs[id]
	if !ok || sub.Query != queryName {
		return rest.Subscription{}, rest.Progress{}, rest.ErrNotFound
	}
	return sub.Subscription, sub.Progress, nil
}

// Subscriptions implements rest.Subscriptions.
func (s *Store) Subscriptions(_ context.Context, queryName, after string, limit int) ([]rest.Subscription, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []rest.Subscription
	for id, sub := range s.subs {
		if id > after && (queryName == "" || queryName == sub.Query) {
			list = append(list, sub.Subscription)
		}
	}
	slices.SortFunc(list, func(a, b rest.Subscription) int { return strings.Compare(a.ID, b.ID) })
	return list[:min(limit, len(list))], nil
}

// DeleteSubscription implements rest.Subscriptions.
func (s *Store) DeleteSubscription(_ context.Context, queryName, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub, ok := s.subs[id]; !ok || sub.Query != queryName {
		return rest.ErrNotFound
	}
	delete(s.subs, id)
	return nil
}

// SaveProgress implements rest.Subscriptions.
func (s *Store) SaveProgress(_ context.Context, queryName, id string, p rest.Progress) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, ok := s.subs[id]
	if !ok || sub.Query != queryName {
		return rest.ErrNotFound
	}
	sub.Progress = p
	return nil
}
