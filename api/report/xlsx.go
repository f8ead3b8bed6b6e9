package report

import (
	"archive/zip"
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"
)

const (
	// maxSheetRows is how many rows a worksheet holds, the line of titles among them (ECMA-376, and the
	// limits of Excel). More go on in a second worksheet.
	maxSheetRows = 1_048_576
	// maxCellUnits is how many UTF-16 code units a cell holds.
	maxCellUnits = 32_767
	// exactDigits is how many significant digits a double, which a cell's number is, keeps.
	exactDigits = 15
)

// The cell styles, by their index in styles.xml.
const (
	styleTitle = 1
	styleDate  = 2
	styleTime  = 3
)

// xlsxWriter writes an Office Open XML workbook (ECMA-376) straight into the zip, sheet by sheet, so that
// nothing waits in memory or in a file. Text stands in the cells themselves and is never a formula.
type xlsxWriter struct {
	out     *bufio.Writer
	zip     *zip.Writer
	sheet   *Sheet
	letters []string
	part    io.Writer
	buf     []byte
	parts   int
	row     int // of the worksheet, from 1
	maxRows int
	rows    uint64
	cut     uint64
	zone    *time.Location
}

func newXLSX(w io.Writer, sheet *Sheet) (*xlsxWriter, error) {
	x := &xlsxWriter{out: bufio.NewWriterSize(w, bufferBytes), sheet: sheet, maxRows: maxSheetRows, zone: sheet.zone()}
	x.zip = zip.NewWriter(x.out)
	x.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	for i := range sheet.Columns {
		x.letters = append(x.letters, columnLetters(i))
	}
	return x, x.begin()
}

// columnLetters names a column: A, B, … Z, AA.
func columnLetters(i int) string {
	var s string
	for i++; i > 0; i = (i - 1) / 26 {
		s = string(rune('A'+(i-1)%26)) + s
	}
	return s
}

const (
	xmlHead = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	mainNS  = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	// flushAt is how many bytes of a worksheet are compressed at a time.
	flushAt = 64 << 10
)

// begin starts a worksheet with its line of titles, which stays in view.
func (x *xlsxWriter) begin() error {
	x.parts++
	var err error
	if x.part, err = x.zip.Create(fmt.Sprintf("xl/worksheets/sheet%d.xml", x.parts)); err != nil {
		return err
	}
	b := x.buf[:0]
	b = append(b, xmlHead+`<worksheet `+mainNS+`><sheetViews><sheetView workbookViewId="0"`...)
	if x.parts == 1 {
		b = append(b, ` tabSelected="1"`...)
	}
	b = append(b, `><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>`...)
	for i, c := range x.sheet.Columns {
		width := 24
		switch c.Kind {
		case Date, Number:
			width = 14
		case Time:
			width = 22
		case Text:
		}
		b = fmt.Appendf(b, `<col min="%d" max="%d" width="%d" customWidth="1"/>`, i+1, i+1, width)
	}
	b = append(b, `</cols><sheetData>`...)
	x.buf, x.row = b, 1
	x.buf = append(x.buf, `<row r="1">`...)
	for i, c := range x.sheet.Columns {
		x.text(i, x.sheet.title(c), styleTitle)
	}
	x.buf = append(x.buf, `</row>`...)
	return nil
}

// end closes a worksheet, with a filter on its titles.
func (x *xlsxWriter) end() error {
	x.buf = fmt.Appendf(x.buf, `</sheetData><autoFilter ref="A1:%s%d"/></worksheet>`, x.letters[len(x.letters)-1], x.row)
	return x.flush()
}

func (x *xlsxWriter) flush() error {
	_, err := x.part.Write(x.buf)
	x.buf = x.buf[:0]
	return err
}

// Row implements Rows.
func (x *xlsxWriter) Row(values []Value) error {
	if err := fits(x.sheet, values); err != nil {
		return err
	}
	if x.row == x.maxRows {
		if err := x.end(); err != nil {
			return err
		}
		if err := x.begin(); err != nil {
			return err
		}
	}
	x.row++
	x.rows++
	x.buf = append(x.buf, `<row r="`...)
	x.buf = strconv.AppendInt(x.buf, int64(x.row), 10)
	x.buf = append(x.buf, '"', '>')
	for i := range values {
		x.cell(i, &values[i])
	}
	x.buf = append(x.buf, `</row>`...)
	if len(x.buf) < flushAt {
		return nil
	}
	return x.flush()
}

func (x *xlsxWriter) cell(i int, v *Value) {
	if !v.set {
		return
	}
	switch v.kind {
	case Number:
		if exact(v.text) {
			x.number(i, 0)
			x.buf = append(append(x.buf, v.text...), `</v></c>`...)
			return
		}
	case Date:
		if days, ok := serial(v.moment()); ok {
			x.number(i, styleDate)
			x.buf = append(strconv.AppendInt(x.buf, days/millisADay, 10), `</v></c>`...)
			return
		}
	case Time:
		local := v.moment().In(x.zone)
		_, shift := local.Zone()
		if millis, ok := serial(v.moment().Add(time.Duration(shift) * time.Second)); ok {
			x.number(i, styleTime)
			x.buf = append(strconv.AppendFloat(x.buf, float64(millis)/millisADay, 'f', -1, 64), `</v></c>`...)
			return
		}
	case Text:
		x.text(i, v.text, 0)
		return
	}
	x.text(i, v.In(x.zone), 0)
}

const millisADay = 24 * 60 * 60 * 1000

// serial is a moment in milliseconds since the day 0 of spreadsheets; they count days truly from
// March 1900 on.
func serial(at time.Time) (millis int64, ok bool) {
	const dayZero = -25_569 // 1899-12-30, in days from 1970
	millis = at.UnixMilli() - dayZero*millisADay
	return millis, at.Year() > 1900 && at.Year() < 10_000
}

// exact reports whether a double keeps a decimal number.
func exact(s string) bool {
	digits := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == 'e' || c == 'E':
			n, err := strconv.Atoi(s[i+1:])
			return err == nil && n > -200 && n < 200 && digits <= exactDigits
		case c >= '0' && c <= '9' && (digits > 0 || c != '0'):
			digits++
		}
	}
	return digits <= exactDigits
}

func (x *xlsxWriter) start(i, style int) {
	x.buf = append(x.buf, `<c r="`...)
	x.buf = append(x.buf, x.letters[i]...)
	x.buf = append(strconv.AppendInt(x.buf, int64(x.row), 10), '"')
	if style > 0 {
		x.buf = append(x.buf, ` s="`...)
		x.buf = append(strconv.AppendInt(x.buf, int64(style), 10), '"')
	}
}

func (x *xlsxWriter) number(i, style int) {
	x.start(i, style)
	x.buf = append(x.buf, `><v>`...)
}

func (x *xlsxWriter) text(i int, s string, style int) {
	x.start(i, style)
	if len(s) > maxCellUnits {
		s = x.shorten(s)
	}
	if blank(s[:min(1, len(s))]) || blank(s[max(0, len(s)-1):]) || strings.IndexByte(s, '\n') >= 0 {
		x.buf = append(x.buf, ` t="inlineStr"><is><t xml:space="preserve">`...)
	} else {
		x.buf = append(x.buf, ` t="inlineStr"><is><t>`...)
	}
	x.buf = append(appendXML(x.buf, s), `</t></is></c>`...)
}

// blank reports a character that XML readers may drop at the ends of a text.
func blank(s string) bool { return s == " " || s == "\t" || s == "\n" }

// shorten cuts a text to what a cell holds, and says so at its end.
func (x *xlsxWriter) shorten(s string) string {
	const told = " … [cut: longer than a cell; whole in CSV and JSON]"
	units, cut := 0, 0
	for i, r := range s {
		n := 1
		if r > 0xFFFF {
			n = 2
		}
		if escaped := len(appendXML(nil, string(r))); r < ' ' && escaped > n {
			n = escaped
		}
		units += n
		if units <= maxCellUnits-len(told) {
			cut = i + utf8.RuneLen(r)
		}
	}
	if units <= maxCellUnits {
		return s
	}
	x.cut++
	return s[:min(cut, len(s))] + told
}

// appendXML appends a text as ECMA-376's ST_Xstring: what XML cannot hold is _xHHHH_, and so is what
// looks like that.
func appendXML(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '&':
			b = append(b, "&amp;"...)
		case c == '<':
			b = append(b, "&lt;"...)
		case c == '>':
			b = append(b, "&gt;"...)
		case c == '\n' || c == '\t':
			b = append(b, c)
		case c < ' ':
			b = fmt.Appendf(b, "_x%04X_", c)
		case c == '_' && escapes(s[i:]):
			b = append(b, "_x005F_"...)
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == 0xFFFE || r == 0xFFFF {
				b = fmt.Appendf(b, "_x%04X_", r)
			} else {
				b = utf8.AppendRune(b, r) // U+FFFD for what is not UTF-8
			}
			i += size
			continue
		}
		i++
	}
	return b
}

// escapes reports whether s begins as _xHHHH_ does.
func escapes(s string) bool {
	if len(s) < 7 || s[1] != 'x' || s[6] != '_' {
		return false
	}
	return strings.Trim(s[2:6], "0123456789abcdefABCDEF") == ""
}

// Close implements Writer.
func (x *xlsxWriter) Close() error {
	if err := x.end(); err != nil {
		return err
	}
	names := make([]string, 0, x.parts+1)
	for i := range x.parts {
		name := "Report"
		if i > 0 {
			name += " " + strconv.Itoa(i+1)
		}
		names = append(names, name)
	}
	if err := x.about(); err != nil {
		return err
	}
	names = append(names, "About")
	var workbook, relations, types strings.Builder
	workbook.WriteString(xmlHead + `<workbook ` + mainNS + ` xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><bookViews><workbookView activeTab="0"/></bookViews><sheets>`)
	relations.WriteString(xmlHead + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`)
	types.WriteString(xmlHead + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>`)
	const relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
	for i, name := range names {
		n := i + 1
		fmt.Fprintf(&workbook, `<sheet name="%s" sheetId="%d" r:id="rId%d"/>`, name, n, n)
		fmt.Fprintf(&relations, `<Relationship Id="rId%d" Type="%sworksheet" Target="worksheets/sheet%d.xml"/>`, n, relation, n)
		fmt.Fprintf(&types, `<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>`, n)
	}
	fmt.Fprintf(&relations, `<Relationship Id="rId%d" Type="%sstyles" Target="styles.xml"/></Relationships>`, len(names)+1, relation)
	workbook.WriteString(`</sheets></workbook>`)
	types.WriteString(`</Types>`)
	for _, file := range [][2]string{
		{"xl/workbook.xml", workbook.String()},
		{"xl/_rels/workbook.xml.rels", relations.String()},
		{"xl/styles.xml", xmlHead + `<styleSheet ` + mainNS + `><numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/><numFmt numFmtId="165" formatCode="yyyy\-mm\-dd\ hh:mm:ss.000"/></numFmts>` +
			`<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>` +
			`<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders>` +
			`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>` +
			`<cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1" applyAlignment="1"><alignment vertical="top" wrapText="1"/></xf>` +
			`<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/><xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>` +
			`<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`},
		{"_rels/.rels", xmlHead + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="` + relation + `officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"[Content_Types].xml", types.String()},
	} {
		part, err := x.zip.Create(file[0])
		if err == nil {
			_, err = io.WriteString(part, file[1])
		}
		if err != nil {
			return err
		}
	}
	if err := x.zip.Close(); err != nil {
		return err
	}
	return x.out.Flush()
}

// about writes the last worksheet: what the report is, and its columns.
func (x *xlsxWriter) about() error {
	part, err := x.zip.Create(fmt.Sprintf("xl/worksheets/sheet%d.xml", x.parts+1))
	if err != nil {
		return err
	}
	lines := x.sheet.about()
	lines = append(lines, [2]string{"Rows", strconv.FormatUint(x.rows, 10)})
	if x.cut > 0 {
		lines = append(lines, [2]string{"Note", fmt.Sprintf("%d texts were longer than a cell holds and end with a mark; CSV and JSON have them whole.", x.cut)})
	}
	for _, c := range x.sheet.Columns {
		if c.Law != "" {
			lines = append(lines, [2]string{"Column: " + x.sheet.title(c), c.Law})
		}
	}
	x.buf = append(x.buf[:0], xmlHead+`<worksheet `+mainNS+`><cols><col min="1" max="1" width="44" customWidth="1"/><col min="2" max="2" width="120" customWidth="1"/></cols><sheetData>`...)
	for i, l := range lines {
		x.row = i + 1
		x.buf = fmt.Appendf(x.buf, `<row r="%d">`, x.row)
		x.letters = []string{"A", "B"}
		x.text(0, l[0], styleTitle)
		x.text(1, l[1], 0)
		x.buf = append(x.buf, `</row>`...)
	}
	x.buf = append(x.buf, `</sheetData></worksheet>`...)
	_, err = part.Write(x.buf)
	return err
}
