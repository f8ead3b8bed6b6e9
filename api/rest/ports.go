package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/epcis"
)

// Errors that the interfaces of this package return, or wrap, for an answer other
// than 500.
var (
	// ErrNotFound says that there is no such resource: 404.
	ErrNotFound = errors.New("WB_NOT_FOUND: there is no such resource")
	// ErrConflict says that another resource has the name, or that an event with the
	// id has other content: 409.
	ErrConflict = errors.New("WB_CONFLICT: it exists already and is not the same")
	// ErrUnauthorized says that the caller is not known: 401.
	ErrUnauthorized = errors.New("WB_UNAUTHENTICATED: the caller is not known")
	// ErrForbidden says that the caller may not do this: 403.
	ErrForbidden = errors.New("WB_FORBIDDEN: the caller may not do this")
	// ErrTooLarge says that the result has more events than is allowed: 413.
	ErrTooLarge = errors.New("WB_QUERY_TOO_LARGE: the result has too many events")
	// ErrTooComplex says that the query would cost too much: 413.
	ErrTooComplex = errors.New("WB_QUERY_TOO_COMPLEX: the query takes too long")
	// ErrBusy says that there is too much work under way; nothing was taken over: 503.
	ErrBusy = errors.New("WB_BUSY: the server has as much work as it takes; try again")
	// ErrUnavailable says that what the work needs does not answer, such as the ledger's
	// peers or the store: 503. What was sent may be sent again.
	ErrUnavailable = errors.New("WB_UNAVAILABLE: the server cannot work at the moment; try again")
	// ErrInvalid says that what was sent is refused, and the caller may be told why:
	// 400 with the text of the error.
	ErrInvalid = errors.New("WB_INVALID: the request is not valid")
)

// Record is an event as the repository holds it.
type Record struct {
	// Event is the event as sent, read in its context. It is not changed.
	Event *epcis.Event
	Hash  epcis.Hash
	// RecordTime is when it was recorded; zero where that is not known yet.
	RecordTime time.Time
}

// ErrorBehaviour says what a capture does with its good events when some are bad.
type ErrorBehaviour string

// The behaviours.
const (
	Rollback ErrorBehaviour = "rollback"
	Proceed  ErrorBehaviour = "proceed"
)

// Capture is a document to record.
type Capture struct {
	// Document holds every event, those with faults too.
	Document *epcis.Document
	// Raw is the document as it was sent, for who takes it over beyond this process.
	Raw       []byte
	Behaviour ErrorBehaviour
}

// Job is the state of a capture.
type Job struct {
	ID        string
	Created   time.Time
	Finished  time.Time // zero while it runs
	Running   bool
	Success   bool
	Behaviour ErrorBehaviour
	// Errors name what was not recorded.
	Errors []JobError
}

// JobError is an event that was not recorded, or a reason why none was.
type JobError struct {
	// Conflict tells that an event with the id has other content.
	Conflict bool `json:"conflict,omitempty"`
	// Code is the stable code; empty: Detail begins with it.
	Code string `json:"code,omitempty"`
	// Index is the event's number in the document from 0; nil when it is none of one event.
	Index *int `json:"index,omitempty"`
	// EventID is the event's id as sent, or its hash if it has none and one can be had.
	EventID string `json:"eventID,omitempty"`
	// Path is where the fault lies in the document.
	Path string `json:"path,omitempty"`
	// Detail says what is wrong; after the code, if Code is empty.
	Detail string `json:"detail,omitempty"`
}

// Capturer records events. Its methods are safe for concurrent use.
type Capturer interface {
	// Start takes a capture over and gives the id of its job at once. The job goes on
	// when ctx is done.
	Start(ctx context.Context, c Capture) (id string, err error)
	// Job gives one job; ErrNotFound.
	Job(ctx context.Context, id string) (Job, error)
	// Jobs gives up to limit jobs, the newest first, after a cursor that an earlier
	// call gave; next is empty at the end.
	Jobs(ctx context.Context, cursor string, limit int) (jobs []Job, next string, err error)
	// Record records one valid event and gives it back as the repository holds it: an
	// event that is there already as it is there, in the text that bears the eventID it
	// was sent with. ErrConflict.
	Record(ctx context.Context, event epcis.Source) (Record, error)
}

// Resource is a kind of top-level resource that events have values of.
type Resource string

// The resources, as they stand in paths.
const (
	EventTypes   Resource = "eventTypes"
	EPCs         Resource = "epcs"
	BizSteps     Resource = "bizSteps"
	BizLocations Resource = "bizLocations"
	ReadPoints   Resource = "readPoints"
	Dispositions Resource = "dispositions"
)

// Events answers questions about recorded events. Its methods are safe for
// concurrent use.
type Events interface {
	// Select gives a page of up to limit events of the query's result. cursor is one
	// that an earlier call for the same query gave; next is empty at the end. Events
	// recorded since do not change the pages before. ErrTooLarge, ErrTooComplex.
	Select(ctx context.Context, q *query.Query, cursor string, limit int) (records []Record, next string, err error)
	// Event gives the events with this eventID, or with this hash, in the order of
	// recording: an event, and what was declared of it. An event that was stated again
	// under another eventID is found by that one too, in the text that bears it.
	// ErrNotFound.
	Event(ctx context.Context, id string) ([]Record, error)
	// Values gives up to limit different values of a resource, in bytewise order, that
	// come after one.
	Values(ctx context.Context, of Resource, after string, limit int) ([]string, error)
	// HasValue tells whether an event has the value, in any spelling of it.
	HasValue(ctx context.Context, of Resource, value string) (bool, error)
	// After gives up to limit events in the order of recording after a position; the
	// empty position is the beginning. next is the position after the last of them,
	// or the position given when there are none.
	After(ctx context.Context, position string, limit int) (records []Record, next string, err error)
	// PositionAt gives the position before the first event recorded at or after a time.
	PositionAt(ctx context.Context, at time.Time) (string, error)
	// Wait returns when there may be events after the position, or with ctx's error.
	Wait(ctx context.Context, position string) error
}

// NamedQuery is a stored query.
type NamedQuery struct {
	Name string
	// Definition is the JSON object of the query language.
	Definition json.RawMessage
}

// Queries stores named queries. Its methods are safe for concurrent use.
type Queries interface {
	// CreateQuery stores a query; ErrConflict when the name is taken.
	CreateQuery(ctx context.Context, q NamedQuery) error
	// Query gives a query; ErrNotFound.
	Query(ctx context.Context, name string) (NamedQuery, error)
	// Queries gives up to limit queries in bytewise order of names after one; fewer when they
	// are large, and none only when there are none.
	Queries(ctx context.Context, after string, limit int) ([]NamedQuery, error)
	// DeleteQuery deletes a query and its subscriptions; ErrNotFound.
	DeleteQuery(ctx context.Context, name string) error
}

// Subscription is a standing query whose results go to an address.
type Subscription struct {
	ID    string
	Query string
	// Dest is the URL that results are posted to.
	Dest string
	// SignatureToken is the receiver's secret; empty for none. It is never shown.
	SignatureToken string
	Created        time.Time
	// InitialRecordTime is the time that the first report begins with.
	InitialRecordTime time.Time
	// Schedule says when to report; nil means at once.
	Schedule      *Schedule
	ReportIfEmpty bool
	// EPCFormat is the spelling of identifiers that the subscriber asked for.
	EPCFormat string
}

// Progress says how far a subscription has come.
type Progress struct {
	// Position is that of the last event considered.
	Position string
	// LastNotified is when the receiver last took a report; zero for never.
	LastNotified time.Time
	// LastRun is when a schedule was last served.
	LastRun time.Time
}

// Subscriptions stores subscriptions and their progress. Its methods are safe for
// concurrent use.
type Subscriptions interface {
	// CreateSubscription stores a new subscription with its first progress. ErrNotFound
	// when its query is gone.
	CreateSubscription(ctx context.Context, s Subscription, p Progress) error
	// Subscription gives one; ErrNotFound.
	Subscription(ctx context.Context, queryName, id string) (Subscription, Progress, error)
	// Subscriptions gives up to limit subscriptions of a query, in bytewise order of
	// ids after one. The empty name means all queries.
	Subscriptions(ctx context.Context, queryName, after string, limit int) ([]Subscription, error)
	// DeleteSubscription deletes one; ErrNotFound.
	DeleteSubscription(ctx context.Context, queryName, id string) error
	// SaveProgress stores how far a subscription has come; ErrNotFound when it is gone.
	SaveProgress(ctx context.Context, queryName, id string, p Progress) error
}

// Tokens keeps the page tokens that were ended before their time. Its methods are
// safe for concurrent use.
type Tokens interface {
	// EndToken ends a token, named by a digest of it, until it would end by itself. ErrBusy.
	EndToken(ctx context.Context, digest []byte, expires time.Time) error
	// TokenEnded tells whether a token was ended.
	TokenEnded(ctx context.Context, digest []byte) (bool, error)
}

// Action is what a request wants, for Config.Authorize.
type Action uint8

// The actions.
const (
	// Discover asks what the server can do.
	Discover Action = iota
	// Read asks for events, resources, queries and capture jobs.
	Read
	// Write captures events.
	Write
	// Manage creates and deletes named queries and subscriptions.
	Manage
)

// Authorizer decides about a request: nil, ErrUnauthorized or ErrForbidden.
type Authorizer func(r *http.Request, a Action) error
