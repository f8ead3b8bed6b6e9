package epcis_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/epcis"
)

// perByte is the bound that the package's documentation states: bytes of memory for
// each byte of a document that is hostile in every way the limits let pass.
const perByte = 150

// streamed is the memory, in MiB, in which a valid document of any length is read.
const streamed = 48

const (
	xmlHead = `<e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:2" schemaVersion="2.0" creationDate="2024-03-05T10:00:00Z">`
	xmlOpen = xmlHead + `<EPCISBody><EventList>`
	xmlTail = `</EventList></EPCISBody></e:EPCISDocument>`
	xmlOne  = `<ObjectEvent><eventTime>2024-03-05T09:00:00Z</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>` +
		`<epcList><epc>urn:epc:id:sscc:4012345.1234567890</epc></epcList><action>OBSERVE</action>%s</ObjectEvent>`
)

// generated is a document of about a size: head, then body again and again, then tail.
type generated struct{ head, body, tail string }

// write gives the document; a %d in body counts.
func (d generated) write(w io.Writer, size int) error {
	if _, err := io.WriteString(w, d.head); err != nil {
		return err
	}
	counts := strings.Contains(d.body, "%d")
	block := d.body
	if !counts {
		block = strings.Repeat(d.body, 1+64<<10/len(d.body))
	}
	for n, i := 0, 0; n < size; i++ {
		b := block
		if counts {
			b = strings.ReplaceAll(d.body, "%d", strconv.Itoa(i))
		}
		if _, err := io.WriteString(w, b); err != nil {
			return err
		}
		n += len(b)
	}
	_, err := io.WriteString(w, d.tail)
	return err
}

func xmlEventWith(before, body, after string) generated {
	head, tail, _ := strings.Cut(xmlOne, "%s")
	return generated{xmlOpen + head + before, body, after + tail + xmlTail}
}

func jsonEventWith(before, body, after string) generated {
	head, tail, _ := strings.Cut(frame, "%s")
	return generated{head + strings.TrimSuffix(plain, "}") + before, body, after + "}" + tail}
}

func hostile() map[string]generated {
	jsonHead, jsonTail, _ := strings.Cut(frame, "%s")
	beforeHeader, afterHeader, _ := strings.Cut(frame, `"epcisBody"`)
	beforeHeader += `"epcisHeader":{"epcisMasterData":{"vocabularyList":[`
	afterHeader = `]}},"epcisBody"` + fmt.Sprintf(afterHeader, plain)
	late := `{"epcisBody":{"eventList":[` + plain
	return map[string]generated{
		"JSON brackets":               jsonEventWith(`,"x:a":`, "[", ""),
		"JSON braces":                 jsonEventWith(`,"x:a":`, `{"a":`, ""),
		"JSON one string":             jsonEventWith(`,"x:a":"`, "x", `"`),
		"JSON escapes":                jsonEventWith(`,"x:a":"`, `\u00e4`, `"`),
		"JSON one name":               jsonEventWith(`,"`, "x", `":1`),
		"JSON one number":             jsonEventWith(`,"x:a":`, "1", ""),
		"JSON an array of numbers":    jsonEventWith(`,"x:a":[0`, ",1", "]"),
		"JSON an array of arrays":     jsonEventWith(`,"x:a":[0`, ",[]", "]"),
		"JSON an array of objects":    jsonEventWith(`,"x:a":[0`, ",{}", "]"),
		"JSON members":                jsonEventWith("", `,"x:%d":1`, ""),
		"JSON EPCs":                   {jsonHead + strings.TrimSuffix(plain, `"],"action":"OBSERVE"}`) + `"`, `,"a:%d"`, `],"action":"OBSERVE"}` + jsonTail},
		"JSON empty events":           {jsonHead + "{}", ",{}", jsonTail},
		"JSON events that are none":   {jsonHead + "1", ",1", jsonTail},
		"JSON events before @context": {late, "," + plain, "]}}"},
		"JSON document members":       {`{"a":1`, `,"x:%d":1`, "}"},
		"JSON a header of numbers":    {beforeHeader + "0", ",1", afterHeader},
		"JSON a header of objects":    {beforeHeader + "{}", ",{}", afterHeader},
		"JSON contexts":               {`{"@context":["a:b"`, `,{"p%d":"a:b"}`, "]}"},
		"JSON white space":            {"{", "   ", "}"},
		"XML brackets":                xmlEventWith("", `<x:a xmlns:x="a:b">`, ""),
		"XML attributes":              xmlEventWith(`<x:a xmlns:x="a:b"`, ` a%d=""`, "/>"),
		"XML attributes in a quote":   xmlEventWith(`<?a > <b c='?><x:a xmlns:x="a:b"`, ` a%d=""`, "/>"),
		"XML attributes of one name":  xmlEventWith(`<x:a xmlns:x="a:b"`, ` a=""`, "/>"),
		"XML attributes of the root":  {`<e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:2"`, ` a=""`, `/>`},
		"XML namespaces":              xmlEventWith("<x:a", ` xmlns:x%d="a:b"`, "/>"),
		"XML one text":                xmlEventWith(`<x:a xmlns:x="a:b">`, "x", "</x:a>"),
		"XML one attribute":           xmlEventWith(`<x:a xmlns:x="a:b" b="`, "x", `"/>`),
		"XML one name":                xmlEventWith(`<x:a xmlns:x="a:b"><x:`, "x", "/></x:a>"),
		"XML elements":                xmlEventWith(`<x:a xmlns:x="a:b">`, "<x:b/>", "</x:a>"),
		"XML elements of no space":    xmlEventWith(`<x:a xmlns:x="a:b">`, "<b/>", "</x:a>"),
		"XML EPCs":                    xmlEventWith("<childEPCs>", "<epc>a:b</epc>", "</childEPCs>"),
		"XML empty events":            {xmlOpen, "<ObjectEvent/>", xmlTail},
		"XML comments":                {xmlOpen, "<!---->", xmlTail},
		"XML one comment":             {xmlOpen + "<!-- <a b='", "=", "'> -->" + xmlTail},
		"XML one instruction":         {xmlOpen + "<?a ", "x", "?>" + xmlTail},
		"XML CDATA":                   xmlEventWith(`<x:a xmlns:x="a:b">`, "<![CDATA[<a b=c]]>", "</x:a>"),
		"XML character references":    xmlEventWith(`<x:a xmlns:x="a:b">`, "&amp;", "</x:a>"),
		"XML entities":                {`<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">`, `<!ENTITY b "&a;&a;&a;">`, "]><x>&b;</x>"},
		"XML a header":                {xmlHead + "<EPCISHeader><extension><EPCISMasterData><VocabularyList>", "<Vocabulary/>", "</VocabularyList></EPCISMasterData></extension></EPCISHeader>" + strings.TrimPrefix(xmlOpen, xmlHead) + xmlTail},
		"XML a foreign header":        {xmlHead + `<EPCISHeader><x:a xmlns:x="a:b">`, "<b/>", "</x:a></EPCISHeader>" + strings.TrimPrefix(xmlOpen, xmlHead) + xmlTail},
	}
}

// wellFormed are documents without a fault, of any length.
func wellFormed() map[string]generated {
	jsonHead, jsonTail, _ := strings.Cut(frame, "%s")
	event := strings.Replace(with(`"ilmd":{"example:lot":"A%d","example:note":"`+strings.Repeat("temperature controlled ", 30)+`"}`), "OBSERVE", "ADD", 1)
	return map[string]generated{
		"JSON events": {jsonHead + plain, "," + event, jsonTail},
		"XML events": {xmlOpen, strings.Replace(fmt.Sprintf(xmlOne, `<ilmd><x:lot xmlns:x="https://ns.example.com/">A%d</x:lot><x:note xmlns:x="https://ns.example.com/">`+
			strings.Repeat("temperature controlled ", 60)+"</x:note></ilmd>"), "OBSERVE", "ADD", 1), xmlTail},
	}
}

const memoryCase = "WAYBILL_MEMORY_CASE"

// TestMemoryInAProcessOfItsOwn reads one document where nothing else takes memory.
func TestMemoryInAProcessOfItsOwn(t *testing.T) {
	name, size, asked := strings.Cut(os.Getenv(memoryCase), ":")
	if !asked {
		t.Skip("the other memory tests run it")
	}
	bytes, err := strconv.Atoi(size)
	if err != nil {
		t.Fatal(err)
	}
	doc, found := hostile()[name]
	sound := !found
	if sound {
		if doc, found = wellFormed()[name]; !found {
			t.Fatalf("no document %q", name)
		}
	}
	lim := epcis.DefaultLimits()
	lim.MaxBytes, lim.MaxEvents = 1<<30, 1<<30
	in, out := io.Pipe()
	go func() { _ = out.CloseWithError(doc.write(out, bytes)) }()
	events := epcis.Events
	if strings.HasPrefix(name, "XML") {
		events = epcis.EventsXML
	}
	n := 0
	for s, err := range events(in, lim) {
		n++
		if sound && (err != nil || s.Err != nil) {
			t.Fatalf("event %d: %v %v", n, err, s.Err)
		}
	}
	_ = in.Close()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	// What the parent process took counts to a child's resource usage, not to this.
	_, most, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Printf("%d events or faults\npeak %s kB\n", n, strings.Fields(most)[0])
}

// peak gives the most memory, in bytes, that a process took which reads the document.
func peak(t *testing.T, name string, size int, env ...string) int64 {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMemoryInAProcessOfItsOwn$")
	cmd.Env = append(os.Environ(), append(env, memoryCase+"="+name+":"+strconv.Itoa(size))...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	_, most, found := strings.Cut(string(out), "\npeak ")
	if !found {
		t.Skipf("this system does not tell what a process took: %s", out)
	}
	kib, err := strconv.ParseInt(strings.Fields(most)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// TestHostileDocumentsTakeNoMoreMemoryThanTheirLengthAllows reads documents that are
// made to cost as much as the limits let them.
func TestHostileDocumentsTakeNoMoreMemoryThanTheirLengthAllows(t *testing.T) {
	if testing.Short() {
		t.Skip("reads many documents; not with -short")
	}
	idle := peak(t, "JSON white space", 1, "GOGC=25")
	// The shorter documents stay below the limits of an event, the longer ones do not.
	for _, size := range []int{120 << 10, 3 << 19} {
		for name := range hostile() {
			t.Run(name+" "+strconv.Itoa(size>>10)+" KiB", func(t *testing.T) {
				took := peak(t, name, size, "GOGC=25") - idle
				t.Logf("%d bytes for each byte", took/int64(size))
				// The collector lets a quarter more stand than there is.
				if most := int64(perByte*size) * 5 / 4; took > most {
					t.Errorf("%d KiB for a document of %d KiB; want at most %d bytes for each byte", took>>10, size>>10, perByte)
				}
			})
		}
	}
}

// TestLongDocumentsAreStreamed reads 208 MiB through a pipe.
func TestLongDocumentsAreStreamed(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 400 MiB; not with -short")
	}
	for name := range wellFormed() {
		t.Run(name, func(t *testing.T) {
			took := peak(t, name, 208<<20, "GOGC=off", "GOMEMLIMIT="+strconv.Itoa(streamed/2)+"MiB")
			t.Logf("%d MiB", took>>20)
			if took > streamed<<20 {
				t.Errorf("%d MiB, want at most %d", took>>20, streamed)
			}
		})
	}
}
