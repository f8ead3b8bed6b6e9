package query_test

import (
	"encoding/json"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/dlclark/regexp2"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/api/query/querytest"
	"github.com/waybill-dev/waybill/internal/testdata"
)

// publishedSchema reads query-schema.json. Its patterns want a backslash before the
// colon of a CURIE and before the w of \w, one level of escapes too many; they are
// read as they are meant.
func publishedSchema(tb testing.TB) map[string]any {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join(testdata.Dir(tb), "epcis", "schema", "query-schema.json"))
	if err != nil {
		tb.Fatal(err)
	}
	repaired := strings.NewReplacer(`\\\\:`, `:`, `\\\\w`, `\\w`).Replace(string(raw))
	// "nullable" is a word of OpenAPI, which JSON Schema does not know.
	repaired = regexp.MustCompile(`"type":\s*"integer",\s*"nullable":\s*true`).ReplaceAllString(repaired, `"type":["integer","null"]`)
	var schema map[string]any
	if err := json.Unmarshal([]byte(repaired), &schema); err != nil {
		tb.Fatal(err)
	}
	return schema
}

type published struct {
	fixed    map[string]map[string]any
	patterns map[string]map[string]any
}

func parameters(tb testing.TB) published {
	tb.Helper()
	def := publishedSchema(tb)["definitions"].(map[string]any)
	q := def["EPCIS-Query"].(map[string]any)
	p := published{fixed: map[string]map[string]any{}, patterns: map[string]map[string]any{}}
	resolve := func(v any) map[string]any {
		m := v.(map[string]any)
		for m["$ref"] != nil {
			m = def[strings.TrimPrefix(m["$ref"].(string), "#/definitions/")].(map[string]any)
			if m == nil {
				return nil
			}
		}
		return m
	}
	for name, v := range q["properties"].(map[string]any) {
		if name != "@context" {
			p.fixed[name] = resolve(v)
		}
	}
	for pattern, v := range q["patternProperties"].(map[string]any) {
		p.patterns[pattern] = resolve(v)
	}
	return p
}

// nameOf makes a name that a pattern of the schema takes.
func nameOf(pattern string) string {
	name := strings.Trim(pattern, "^$")
	for _, r := range [][2]string{
		{`[a-z][a-zA-Z0-9]*:\w+`, "ex:field"},
		{`[a-z][a-zA-Z0-9_]+`, "location"},
		{`[A-Z0-9]{2,4}`, "CEL"},
		{`\w+_\w+`, "bizLocation_site"},
	} {
		name = strings.Replace(name, r[0], r[1], 1)
	}
	return name
}

func body(t testing.TB, name string, value any) []byte {
	t.Helper()
	m := map[string]any{"@context": json.RawMessage(querytest.Context), name: value}
	if name == "eventCountLimit" {
		m["orderBy"] = "eventTime"
	}
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sample gives a value that the schema of a parameter takes.
func sample(name string, schema map[string]any) any {
	if types, ok := schema["type"].([]any); ok && len(types) == 2 {
		return nil
	}
	switch schema["type"] {
	case "array":
		items, _ := schema["items"].(map[string]any)
		switch {
		case strings.HasPrefix(name, "EQ_action"):
			return []any{"ADD"}
		case items["type"] == "number" || items["$ref"] == "#/definitions/decimal":
			return []any{json.Number("2.5")}
		case name == "HASATTR_ex:field":
			return []any{"cbvmda:site"}
		}
		return []any{"https://example.com/a"}
	case "integer", "number":
		return json.Number("3")
	case "boolean":
		return true
	case "string":
		switch {
		case schema["format"] == "date-time":
			return "2024-01-01T00:00:00Z"
		case name == "orderDirection":
			return "ASC"
		case name == "orderBy":
			return "eventTime"
		}
		return "eventTime"
	}
	return json.Number("2.5") // a date and time, a number, or for EQ a list
}

func TestEveryPublishedParameterIsTakenAndMistypedValuesAreRefused(t *testing.T) {
	p := parameters(t)
	// The issue of the standard counts its @context among the fixed names.
	if len(p.fixed) != 60 || len(p.patterns) != 108 {
		t.Fatalf("schema has %d fixed and %d patterned parameters", len(p.fixed), len(p.patterns))
	}
	all := map[string]map[string]any{}
	maps.Copy(all, p.fixed)
	for pattern, s := range p.patterns {
		name := nameOf(pattern)
		if !regexp.MustCompile(pattern).MatchString(name) {
			t.Fatalf("%s does not match %s", name, pattern)
		}
		all[name] = s
	}
	for name, schema := range all {
		t.Run(name, func(t *testing.T) {
			q, err := query.ParseJSON(body(t, name, sample(name, schema)), nil)
			if err != nil {
				t.Fatal(err)
			}
			standing := []string{"orderBy", "orderDirection", "eventCountLimit", "maxEventCount"}
			if want := 1; len(q.Predicates) != want && !slices.Contains(standing, name) {
				t.Errorf("%d predicates, want %d", len(q.Predicates), want)
			}
			for _, bad := range []any{map[string]any{}, []any{[]any{}}, []any{true}} {
				if _, err := query.ParseJSON(body(t, name, bad), nil); err == nil {
					t.Errorf("%v is taken", bad)
				}
			}
		})
	}
}

func TestEveryQueryParameterOfTheOpenAPIDocumentIsTaken(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(testdata.Dir(t), "epcis", "schema", "epcis-rest-openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	var api struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
		Comps struct {
			Parameters map[string]struct {
				Name, In string
				Schema   struct {
					Type, Format string
					Items        struct{ Enum []string }
				}
			} `json:"parameters"`
		} `json:"components"`
	}
	if err := json.Unmarshal(raw, &api); err != nil {
		t.Fatal(err)
	}
	var get struct {
		Parameters []struct {
			Ref string `json:"$ref"`
		}
	}
	if err := json.Unmarshal(api.Paths["/events"]["get"], &get); err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, ref := range get.Parameters {
		p := api.Comps.Parameters[ref.Ref[strings.LastIndexByte(ref.Ref, '/')+1:]]
		if p.In != "query" {
			continue
		}
		count++
		v := "3"
		switch {
		case p.Schema.Format == "date-time":
			v = "2024-01-01T00:00:00Z"
		case p.Schema.Type == "boolean":
			v = "true"
		case p.Schema.Type == "array" && len(p.Schema.Items.Enum) > 0:
			v = p.Schema.Items.Enum[0]
		case p.Schema.Type == "array" && !strings.Contains(p.Name, "quantity"):
			v = "https://example.com/a|https://example.com/b"
		case p.Name == "orderBy":
			v = "eventTime"
		case p.Name == "orderDirection":
			v = "ASC"
		}
		values := url.Values{p.Name: {v}}
		if p.Name == "eventCountLimit" {
			values.Set("orderBy", "eventTime")
		}
		if _, err := query.ParseValues(values, nil); err != nil {
			t.Errorf("%s=%s: %v", p.Name, v, err)
		}
	}
	if count < 50 {
		t.Errorf("only %d query parameters were found", count)
	}
}

// lookahead is the engine that the schema's patterns need.
type lookahead regexp2.Regexp

func (re *lookahead) MatchString(s string) bool {
	ok, err := (*regexp2.Regexp)(re).MatchString(s)
	return err == nil && ok
}

func (re *lookahead) String() string { return (*regexp2.Regexp)(re).String() }

func compiled(tb testing.TB) *jsonschema.Schema {
	tb.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseRegexpEngine(func(s string) (jsonschema.Regexp, error) {
		re, err := regexp2.Compile(s, regexp2.ECMAScript)
		return (*lookahead)(re), err
	})
	if err := c.AddResource("query.json", publishedSchema(tb)); err != nil {
		tb.Fatal(err)
	}
	s, err := c.Compile("query.json")
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestGeneratedQueriesAreValidByTheSchemaAndTaken(t *testing.T) {
	schema := compiled(t)
	rapid.Check(t, func(t *rapid.T) {
		raw := querytest.Query(t, 4)
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Fatalf("generated query is not valid: %v\n%s", err, raw)
		}
		if _, err := query.ParseJSON(raw, nil); err != nil {
			t.Fatalf("%v\n%s", err, raw)
		}
	})
}

// TestVerdictIsThatOfTheSchema gives every parameter values of all sorts. Known
// differences, each with its reason, are in differs.
func TestVerdictIsThatOfTheSchema(t *testing.T) {
	schema := compiled(t)
	values := []any{
		nil, true, json.Number("0"), json.Number("-1"), json.Number("1.5"), json.Number("7"), "", "word", "shipping", "in_transit", "did_not_occur",
		"Temperature", "ADD", "ASC", "eventTime", "ObjectEvent", "2024-01-01T00:00:00Z", "2024-01-01", "https://example.com/x", "urn:epcglobal:cbv:bizstep:shipping",
		"https://gs1.org/voc/Temperature", "https://ref.gs1.org/cbv/Disp-in_transit", "not a uri", "a:b",
		map[string]any{},
	}
	names := []string{"unknown", "eq_action", "EQ_", "EQ_value", "EQ_value_celsius", "MATCH_it", "GT_eventTime", "WD_action", "EXISTS_x", "perPage", "nextPageToken", "EQ_sDev_CEL", "EQ_EX:a"}
	p := parameters(t)
	for name := range p.fixed {
		names = append(names, name)
	}
	for pattern := range p.patterns {
		names = append(names, nameOf(pattern))
	}
	count := 0
	for _, name := range names {
		for _, v := range slices.Concat(values, lists(values)) {
			raw := body(t, name, v)
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
			if err != nil {
				t.Fatal(err)
			}
			want := schema.Validate(doc)
			_, got := query.ParseJSON(raw, nil)
			count++
			if (want == nil) != (got == nil) && !differs(name, v, got == nil) {
				t.Errorf("%s = %v: schema says %v, we say %v", name, v, want, got)
			}
		}
	}
	t.Logf("%d verdicts", count)
}

func lists(values []any) []any {
	out := []any{[]any{}}
	for _, v := range values {
		out = append(out, []any{v}, []any{"https://example.com/ok", v})
	}
	return out
}

// differs lists where this package knowingly differs from the schema.
func differs(name string, v any, taken bool) bool {
	texts, _ := v.([]any)
	has := func(prefixes ...string) bool {
		return slices.ContainsFunc(texts, func(v any) bool {
			s, _ := v.(string)
			return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
		})
	}
	switch {
	case taken && has("urn:epcglobal:cbv:", "https://gs1.org/voc/"):
		return true // the CBV's words written out are taken, as partners with EPCIS 1.2 write them
	case taken && strings.HasPrefix(name, "EXISTS_") && v == true:
		return true // the OpenAPI document types these parameters as truth values
	case taken && name == "EQ_sDev_CEL":
		return true // every numeric field may be compared in every way
	case taken && name == "EQ_ATTR_bizLocation_site":
		return true // text is a value of an attribute
	case !taken && (name == "orderBy" || name == "eventCountLimit" || name == "maxEventCount"):
		return true // the standard's text narrows what the schema types as text or as a whole number
	}
	return false
}

func FuzzParseJSON(f *testing.F) {
	f.Add([]byte(`{"@context":{"ex":"https://example.com/"},"EQ_ex:a":["b"],"GE_value_CEL":2,"MATCH_epc":["urn:epc:idpat:sgtin:0614141.*.*"]}`))
	f.Add([]byte(`{"eventType":["ObjectEvent"],"orderBy":"eventTime","eventCountLimit":3}`))
	f.Add([]byte(`{"EQ_value_FAH":[1e300,-2],"EXISTS_ILMD_cbvmda:lot":null,"EQATTR_bizLocation_cbvmda:site":["x"]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		q, err := query.ParseJSON(raw, nil)
		if (q == nil) == (err == nil) {
			t.Fatal("neither a query nor an error")
		}
	})
}

func FuzzParseValues(f *testing.F) {
	f.Add("EQ_bizStep=shipping%7Creceiving&GE_eventTime=2024-01-01T00:00:00Z&perPage=3")
	f.Add("EQ_urn:x%23y=1&MATCH_anyEPC=https://id.gs1.org/01/10614141073464")
	f.Fuzz(func(t *testing.T, s string) {
		values, err := url.ParseQuery(s)
		if err != nil {
			return
		}
		q, err := query.ParseValues(values, nil)
		if (q == nil) == (err == nil) {
			t.Fatal("neither a query nor an error")
		}
	})
}
