package rest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dlclark/regexp2"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/waybill-dev/waybill/internal/testdata"
)

// document is the published OpenAPI document.
type document struct{ doc *openapi3.T }

func load(t *testing.T) *document {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(testdata.Dir(t), "epcis", "schema", "epcis-rest-openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err = json.Unmarshal(raw, &tree); err != nil {
		t.Fatal(err)
	}
	repair(tree)
	if raw, err = json.Marshal(tree); err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &document{doc}
}

// repair mends faults of the published document, each as it is meant.
func repair(tree map[string]any) {
	schemas := tree["components"].(map[string]any)["schemas"].(map[string]any)
	// A job without errorFile is valid by both members of this oneOf, so that it is by none.
	job := schemas["CaptureJob"].(map[string]any)["allOf"].([]any)[1].(map[string]any)
	job["anyOf"] = job["oneOf"]
	delete(job, "oneOf")
	// A Link header is not a URI, as the example beside the schema shows.
	delete(schemas["Link"].(map[string]any), "format")
	// The library reads a header by the type that its schema names at the top; these
	// name it one level down. The meaning is the same.
	for _, f := range []string{"EPCIS-Version", "EPCIS-Min", "EPCIS-Max", "CBV-Version", "CBV-Min", "CBV-Max"} {
		schemas["GS1-"+f] = map[string]any{"type": "string", "pattern": schemas["version"].(map[string]any)["pattern"]}
	}
	schemas["GS1-Vendor-Version"] = map[string]any{"type": "string"}
	// These patterns are of Ruby's engine, and their character classes are not what they
	// say; schedule_test.go tests the grammar.
	for _, f := range []string{"Second", "Minute", "Hour", "DayOfMonth", "Month", "DayOfWeek"} {
		delete(schemas["GS1-Query-"+f].(map[string]any), "pattern")
	}
}

// undocumented are answers that the document leaves out for an operation, though
// the standard's text has them.
func undocumented(method, path string, status int) bool {
	switch status {
	case http.StatusBadRequest: // only some operations list bad queries and bad headers
		return true
	case http.StatusRequestEntityTooLarge: // QueryTooLargeException
		return method == http.MethodGet || method == http.MethodPost && path == "/queries"
	}
	return false
}

// template finds the path of the document that an URL's path is of.
func (d *document) template(escaped string) (string, bool) {
	parts := strings.Split(escaped, "/")
	for _, path := range slices.Sorted(maps.Keys(d.doc.Paths.Map())) {
		want := strings.Split(path, "/")
		if len(want) != len(parts) {
			continue
		}
		ok := true
		for i := range want {
			ok = ok && (want[i] == parts[i] || strings.HasPrefix(want[i], "{") && parts[i] != "")
		}
		if ok {
			return path, true
		}
	}
	return "", false
}

type matcher regexp2.Regexp

func (m *matcher) MatchString(s string) bool {
	ok, err := (*regexp2.Regexp)(m).MatchString(s)
	return err == nil && ok
}

type format func(string) bool

func (f format) Validate(s string) error {
	if f(s) {
		return nil
	}
	return errors.New("wrong format")
}

func options() *openapi3filter.Options {
	return &openapi3filter.Options{IncludeResponseStatus: true, SchemaValidationOptions: []openapi3.SchemaValidationOption{
		openapi3.EnableFormatValidation(),
		openapi3.SetSchemaRegexCompiler(func(expr string) (openapi3.RegexMatcher, error) {
			re, err := regexp2.Compile(expr, regexp2.ECMAScript)
			return (*matcher)(re), err
		}),
		openapi3.WithStringFormatValidators(map[string]openapi3.StringFormatValidator{
			"uri": format(func(s string) bool {
				u, err := url.Parse(s)
				return err == nil && u.Scheme != ""
			}),
			"date-time": format(func(s string) bool {
				_, err := time.Parse(time.RFC3339Nano, s)
				return err == nil
			}),
		}),
	}}
}

// check compares a response with the document.
func (d *document) check(t testing.TB, req *http.Request, res *http.Response, body []byte) {
	t.Helper()
	path, ok := d.template(req.URL.EscapedPath())
	if !ok {
		if res.StatusCode != http.StatusNotFound {
			t.Errorf("%s %s is in no path of the document", req.Method, req.URL)
		}
		return
	}
	item := d.doc.Paths.Map()[path]
	op := item.GetOperation(req.Method)
	if op == nil {
		if req.Method == http.MethodHead && item.Get != nil {
			return // every GET has a HEAD (RFC 9110)
		}
		if res.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: %d, and the document has no such operation", req.Method, path, res.StatusCode)
		}
		return
	}
	if op.Responses.Status(res.StatusCode) == nil && undocumented(req.Method, path, res.StatusCode) {
		d.problem(t, body)
		return
	}
	if res.Header.Get("Content-Type") == "application/problem+xml" || res.Header.Get("Content-Type") == "application/xml" {
		if media := op.Responses.Status(res.StatusCode).Value.Content; media[res.Header.Get("Content-Type")] == nil {
			t.Errorf("%s %s: %d as %s", req.Method, path, res.StatusCode, res.Header.Get("Content-Type"))
		}
		return // the library reads no XML; the tests do
	}
	header := res.Header
	if header.Get("Content-Type") == "application/ld+json" && strings.Contains(req.Header.Get("Accept"), "application/ld+json") {
		// The document knows no such type; who asks for it gets what is answered as application/json otherwise.
		header = header.Clone()
		header.Set("Content-Type", "application/json")
	}
	err := openapi3filter.ValidateResponse(req.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, Route: &routers.Route{Spec: d.doc, Path: path, PathItem: item, Operation: op, Method: req.Method}},
		Status:                 res.StatusCode, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Options: options(),
	})
	if err != nil {
		t.Errorf("%s %s: %d is not as the document says: %v\n%.2000s", req.Method, req.URL, res.StatusCode, err, body)
	}
}

func (d *document) problem(t testing.TB, body []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Errorf("a problem document is not JSON: %v\n%s", err, body)
		return
	}
	if err := d.doc.Components.Schemas["RFC7807ProblemResponseBody"].Value.VisitJSON(v, options().SchemaValidationOptions...); err != nil {
		t.Errorf("%v\n%s", err, body)
	}
}
