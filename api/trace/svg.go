package trace

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxDrawn is how many boxes a picture has at most before alike ones are drawn as one.
const maxDrawn = 200

// Measures of a picture, in pixels.
const (
	boxWide, boxHigh  = 236, 46
	gapWide, gapHigh  = 84, 14
	margin, headHigh  = 24, 64
	lineHigh          = 16
	sweeps            = 6
	labelRunes        = 34
	maxNotes          = 6
	minPictureWide    = 640
	legendHigh        = 30
	legendSwatchGap   = 128
	legendSwatchWidth = 14
)

// box is a node of a picture, or several alike.
type box struct {
	nodes []*Node
	layer int
	at    float64 // place in its layer
	x, y  int
}

func (b *box) first() *Node { return b.nodes[0] }

// link is an edge of a picture, or several between the same boxes.
type link struct {
	from, to *box
	kind     EdgeKind
	count    int
	lasting  bool // any of them is in force
	titles   []string
}

// WriteSVG draws an answer: matter goes from left to right. More than 200 nodes are drawn together
// where they are alike. The same answer gives the same bytes.
func WriteSVG(out io.Writer, g *Graph) error {
	p := newPicture(g)
	p.arrange()
	var b bytes.Buffer
	p.write(&b)
	_, err := out.Write(b.Bytes())
	return err
}

type picture struct {
	g      *Graph
	boxes  []*box
	links  []*link
	layers [][]*box
	wide   int
	high   int
}

func newPicture(g *Graph) *picture {
	p := &picture{g: g}
	of := p.group()
	type ends struct {
		from, to *box
		kind     EdgeKind
	}
	links := map[ends]*link{}
	for _, e := range g.Edges {
		from, to := of[nodeName{e.From, e.Kind == Produced}], of[nodeName{e.To, e.Kind == Consumed}]
		if from == nil || to == nil || from == to {
			continue
		}
		k := ends{from, to, e.Kind}
		l := links[k]
		if l == nil {
			l = &link{from: from, to: to, kind: e.Kind}
			links[k] = l
			p.links = append(p.links, l)
		}
		l.count++
		l.lasting = l.lasting || e.End == nil
		if len(l.titles) < maxNotes {
			l.titles = append(l.titles, edgeTitle(e))
		}
	}
	p.layer()
	return p
}

// nodeName tells a transformation from an item that has the same name.
type nodeName struct {
	id      string
	process bool
}

func nameOf(n *Node) nodeName { return nodeName{n.ID, n.Kind == KindTransformation} }

// group puts nodes into boxes: each into one of its own, or, when there are too many, what has the same
// neighbours, else what is of the same kind, together.
func (p *picture) group() map[nodeName]*box {
	neighbours := map[nodeName][]string{}
	for _, e := range p.g.Edges {
		from, to := nodeName{e.From, e.Kind == Produced}, nodeName{e.To, e.Kind == Consumed}
		neighbours[from] = append(neighbours[from], ">"+string(e.Kind)+to.id)
		neighbours[to] = append(neighbours[to], "<"+string(e.Kind)+from.id)
	}
	status := func(n *Node) string {
		if n.Custody == nil {
			return ""
		}
		return string(n.Custody.Status) + n.Custody.Custodian
	}
	coarse := []func(n *Node) string{
		func(n *Node) string { return n.ID + "\x00" + string(n.Kind) },
		func(n *Node) string {
			around := neighbours[nameOf(n)]
			slices.Sort(around)
			return fmt.Sprint(n.Depth, n.Kind, n.Degree, status(n), slices.Compact(around))
		},
		func(n *Node) string { return fmt.Sprint(n.Depth, n.Kind, n.Degree, status(n)) },
		func(n *Node) string { return fmt.Sprint(n.Depth, n.Kind, n.Degree) },
	}
	var of map[nodeName]*box
	for _, alike := range coarse {
		of, p.boxes = map[nodeName]*box{}, nil
		by := map[string]*box{}
		for i := range p.g.Nodes {
			n := &p.g.Nodes[i]
			key := alike(n)
			if n.ID == p.g.Root && n.Depth == 0 {
				key = "root"
			}
			b := by[key]
			if b == nil {
				b = &box{}
				by[key] = b
				p.boxes = append(p.boxes, b)
			}
			b.nodes = append(b.nodes, n)
			of[nameOf(n)] = b
		}
		if len(p.boxes) <= maxDrawn {
			break
		}
	}
	return of
}

// layer gives each box its column: the longest way that matter takes to it, circles cut where they
// come back.
func (p *picture) layer() {
	into := map[*box][]*box{}
	for _, l := range p.links {
		into[l.to] = append(into[l.to], l.from)
	}
	const under, done = 1, 2
	mark := map[*box]int{}
	var depth func(b *box) int
	depth = func(b *box) int {
		switch mark[b] {
		case under:
			return -1
		case done:
			return b.layer
		}
		mark[b] = under
		b.layer = 0
		for _, from := range into[b] {
			b.layer = max(b.layer, depth(from)+1)
		}
		mark[b] = done
		return b.layer
	}
	most := 0
	for _, b := range p.boxes {
		most = max(most, depth(b))
	}
	// What nothing goes into stands next to what it goes into, and not far left of it.
	nearest := map[*box]int{}
	for _, l := range p.links {
		if n, ok := nearest[l.from]; l.to.layer > l.from.layer && (!ok || l.to.layer < n) {
			nearest[l.from] = l.to.layer
		}
	}
	for _, b := range p.boxes {
		if n, ok := nearest[b]; ok && len(into[b]) == 0 {
			b.layer = n - 1
		}
	}
	p.layers = make([][]*box, most+1)
	for _, b := range p.boxes {
		p.layers[b.layer] = append(p.layers[b.layer], b)
	}
	p.layers = slices.DeleteFunc(p.layers, func(l []*box) bool { return len(l) == 0 })
	for i, l := range p.layers {
		for _, b := range l {
			b.layer = i
		}
	}
}

// arrange orders each column by where the neighbours are, to have few crossings, and places the boxes.
func (p *picture) arrange() {
	around := map[*box][]*box{}
	for _, l := range p.links {
		around[l.from] = append(around[l.from], l.to)
		around[l.to] = append(around[l.to], l.from)
	}
	place := func(layer []*box) {
		for i, b := range layer {
			b.at = (float64(i) + 0.5) / float64(len(layer))
		}
	}
	for _, l := range p.layers {
		place(l)
	}
	for sweep := range sweeps {
		for i := range p.layers {
			if sweep%2 == 1 {
				i = len(p.layers) - 1 - i
			}
			layer := p.layers[i]
			mean := make(map[*box]float64, len(layer))
			for _, b := range layer {
				mean[b] = b.at
				if near := around[b]; len(near) > 0 {
					sum := 0.0
					for _, o := range near {
						sum += o.at
					}
					mean[b] = sum / float64(len(near))
				}
			}
			slices.SortStableFunc(layer, func(a, b *box) int { return cmp.Compare(mean[a], mean[b]) })
			place(layer)
		}
	}
	tallest := 0
	for _, l := range p.layers {
		tallest = max(tallest, len(l))
	}
	p.wide = max(minPictureWide, 2*margin+len(p.layers)*(boxWide+gapWide)-gapWide)
	p.high = headHigh + 2*margin + tallest*(boxHigh+gapHigh) + legendHigh
	for i, l := range p.layers {
		top := headHigh + margin + (tallest-len(l))*(boxHigh+gapHigh)/2
		for j, b := range l {
			b.x, b.y = margin+i*(boxWide+gapWide), top+j*(boxHigh+gapHigh)
		}
	}
}

// colours of a box: its ground and its rim.
func colours(n *Node) (ground, rim string) {
	switch {
	case n.Degree == Subject || n.Degree == "" && n.Depth == 0:
		return "#fde2e1", "#b3261e"
	case n.Kind == KindTransformation:
		return "#eceff4", "#4b5563"
	case n.Custody != nil && n.Custody.Status == StatusSold:
		return "#efe3fb", "#6b2fa0"
	case n.Degree == Touched:
		return "#fdf6d8", "#8a6d00"
	case n.Degree == Contains:
		return "#fdebdc", "#b45309"
	case n.Kind == KindLot || n.Kind == KindClass:
		return "#e3f1e7", "#2f6b43"
	}
	return "#e4eefb", "#2456a6"
}

func (p *picture) write(b *bytes.Buffer) {
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="12">`+"\n", p.wide, p.high, p.wide, p.high)
	head, notes := p.heading()
	fmt.Fprintf(b, "<title>%s</title>\n", escapeXML(head))
	b.WriteString(`<defs><marker id="to" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#5b6472"/></marker></defs>` + "\n")
	fmt.Fprintf(b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", p.wide, p.high)
	fmt.Fprintf(b, `<text x="%d" y="%d" font-size="16" font-weight="600" fill="#1c2430">%s</text>`+"\n", margin, margin+6, escapeXML(head))
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="#4b5563">%s</text>`+"\n", margin, margin+8+lineHigh, escapeXML(notes))
	for _, l := range p.links {
		p.writeLink(b, l)
	}
	for _, x := range p.boxes {
		writeBox(b, x)
	}
	p.writeLegend(b)
	b.WriteString("</svg>\n")
}

func (p *picture) heading() (head, notes string) {
	g := p.g
	what := "Trace up from "
	counts := map[Degree]int{}
	sold := 0
	for _, n := range g.Nodes {
		if n.Kind == KindTransformation {
			continue
		}
		counts[n.Degree]++
		if n.Custody != nil && n.Custody.Status == StatusSold {
			sold++
		}
	}
	recall := counts[Subject] > 0
	switch {
	case recall:
		what = "Recall of "
		notes = fmt.Sprintf("%d may contain it, %d touched it, %d sold", counts[Contains], counts[Touched], sold)
	default:
		if g.Direction == Down {
			what = "Trace down from "
		}
		notes = fmt.Sprintf("%d nodes, %d edges", len(g.Nodes), len(g.Edges))
	}
	if g.At != nil {
		notes += "; as of " + g.At.Time().UTC().Format("2006-01-02 15:04:05Z")
	}
	if len(p.boxes) < len(g.Nodes) {
		notes += "; alike ones are drawn as one"
	}
	if len(g.Truncated) > 0 {
		words := make([]string, len(g.Truncated))
		for i, t := range g.Truncated {
			words[i] = string(t)
		}
		notes += "; NOT WHOLE: cut by " + strings.Join(words, ", ")
	}
	return what + Label(g.Root), notes
}

func (p *picture) writeLink(b *bytes.Buffer, l *link) {
	x1, y1, x2, y2 := l.from.x+boxWide, l.from.y+boxHigh/2, l.to.x, l.to.y+boxHigh/2
	if l.to.layer <= l.from.layer { // back, or within a column: around the side
		x1, x2 = l.from.x+boxWide, l.to.x+boxWide
		if l.to.layer < l.from.layer {
			x1 = l.from.x
		}
	}
	bend := max(gapWide/2, (x2-x1)/2)
	path := fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1+bend, y1, x2-bend, y2, x2, y2)
	if l.to.layer <= l.from.layer {
		path = fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, y1, x1+bend, y1, x2+bend, y2, x2, y2)
	}
	style := `stroke="#5b6472" stroke-width="1.3"`
	switch l.kind {
	case Associated:
		style = `stroke="#5b6472" stroke-width="1.3" stroke-dasharray="6 4"`
	case OfLot:
		style = `stroke="#2f6b43" stroke-width="1.3" stroke-dasharray="2 3"`
	case Consumed, Produced:
		style = `stroke="#1c2430" stroke-width="1.8"`
	case Aggregated:
	}
	opacity := ""
	if !l.lasting {
		opacity = ` opacity="0.55"`
	}
	title := strings.Join(l.titles, "\n")
	if l.count > len(l.titles) {
		title += fmt.Sprintf("\nand %d more", l.count-len(l.titles))
	}
	fmt.Fprintf(b, `<path d="%s" fill="none" %s marker-end="url(#to)"%s><title>%s</title></path>`+"\n", path, style, opacity, escapeXML(title))
}

func edgeTitle(e Edge) string {
	s := fmt.Sprintf("%s → %s: %s %s by event %s", Label(e.From), Label(e.To), strings.ReplaceAll(string(e.Kind), "_", " "), stamp(e.Begin), e.Begin.Hash.String()[:12])
	if e.Quantity != "" {
		s += " (" + string(e.Quantity) + " " + e.UOM + ")"
	}
	if e.End != nil {
		s += ", until " + stamp(*e.End) + " by event " + e.End.Hash.String()[:12]
	}
	return s
}

func stamp(e Evidence) string { return e.At.Time().UTC().Format("2006-01-02 15:04Z") }

func writeBox(b *bytes.Buffer, x *box) {
	n := x.first()
	ground, rim := colours(n)
	title, first, second := n.ID, Label(n.ID), describe(n)
	if many := len(x.nodes); many > 1 {
		first = fmt.Sprintf("%d × %s", many, plural(n.Kind))
		var ids []string
		for _, o := range x.nodes[:min(many, maxNotes)] {
			ids = append(ids, o.ID)
		}
		title = strings.Join(ids, "\n")
		if many > maxNotes {
			title += fmt.Sprintf("\nand %d more", many-maxNotes)
		}
		// Under a bow behind the box, so that it is seen to be several.
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="%s" stroke="%s" opacity="0.6"/>`+"\n", x.x+4, x.y+4, boxWide, boxHigh, ground, rim)
	}
	round := 6
	if n.Kind == KindTransformation {
		round = boxHigh / 2
	}
	fmt.Fprintf(b, `<g><title>%s</title><rect x="%d" y="%d" width="%d" height="%d" rx="%d" fill="%s" stroke="%s"/>`, escapeXML(title), x.x, x.y, boxWide, boxHigh, round, ground, rim)
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="#1c2430" font-weight="600">%s</text>`, x.x+12, x.y+19, escapeXML(shorten(first)))
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="#3b4350" font-size="11">%s</text></g>`+"\n", x.x+12, x.y+36, escapeXML(shorten(second)))
}

func plural(k Kind) string {
	switch k {
	case KindClass:
		return "classes"
	case KindItem, KindLot, KindTransformation:
	}
	return string(k) + "s"
}

func describe(n *Node) string {
	words := []string{string(n.Kind)}
	if n.Degree != "" && n.Kind != KindTransformation {
		words = []string{string(n.Degree)}
	}
	if c := n.Custody; c != nil {
		if c.Status != StatusUnknown {
			words = append(words, string(c.Status))
		}
		if c.Custodian != "" {
			words = append(words, c.Custodian)
		}
	}
	return strings.Join(words, " · ")
}

// shorten keeps the beginning and, since serials end with what differs, more of the end.
func shorten(s string) string {
	n := utf8.RuneCountInString(s)
	if n <= labelRunes {
		return s
	}
	const begin = 12
	r := []rune(s)
	return string(r[:begin]) + "…" + string(r[n-(labelRunes-begin-1):])
}

func (p *picture) writeLegend(b *bytes.Buffer) {
	y := p.high - legendHigh/2
	samples := []struct {
		word string
		node Node
	}{
		{"asked for", Node{Degree: Subject}},
		{"may contain it", Node{Degree: Contains}},
		{"touched it", Node{Degree: Touched}},
		{"sold", Node{Depth: 1, Custody: &Custody{Status: StatusSold}}},
	}
	if len(p.g.Nodes) == 0 || p.g.Nodes[0].Degree == "" {
		samples = samples[:1]
		samples = append(samples, struct {
			word string
			node Node
		}{"lot or class", Node{Kind: KindLot, Depth: 1}}, struct {
			word string
			node Node
		}{"item", Node{Kind: KindItem, Depth: 1}}, struct {
			word string
			node Node
		}{"transformation", Node{Kind: KindTransformation, Depth: 1}})
	}
	for i, s := range samples {
		ground, rim := colours(&s.node)
		x := margin + i*legendSwatchGap
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" rx="3" fill="%s" stroke="%s"/><text x="%d" y="%d" fill="#3b4350" font-size="11">%s</text>`+"\n",
			x, y-legendSwatchWidth/2, legendSwatchWidth, legendSwatchWidth, ground, rim, x+legendSwatchWidth+6, y+4, s.word)
	}
}

func escapeXML(s string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return "" // a buffer takes everything
	}
	return b.String()
}
