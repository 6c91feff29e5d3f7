// Package wiretest is for tests of whoever uses the memory of messages again.
package wiretest

import (
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Fill sets every field of a message and of those within it to something, two elements where there may be many, and gives each message
// a field that it does not know. What is left of it in a message that was used again was forgotten to be emptied.
func Fill(m proto.Message) {
	FillWith(m.ProtoReflect(), some, func(protoreflect.FieldDescriptor) bool { return true })
	unknown(m.ProtoReflect())
}

// FillWith sets the fields that which names to what draw gives, in a message and in those within it. A message within one of its own
// kind is left out: it would have no end.
func FillWith(m protoreflect.Message, draw func(protoreflect.FieldDescriptor) protoreflect.Value, which func(protoreflect.FieldDescriptor) bool) {
	fill(m, draw, which, nil)
}

func fill(m protoreflect.Message, draw func(protoreflect.FieldDescriptor) protoreflect.Value, which func(protoreflect.FieldDescriptor) bool, within []protoreflect.FullName) {
	within = append(slices.Clip(within), m.Descriptor().FullName())
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !which(f) || f.Message() != nil && slices.Contains(within, f.Message().FullName()) {
			continue
		}
		switch {
		case f.IsMap():
			k, v := draw(f.MapKey()), draw(f.MapValue())
			m.Mutable(f).Map().Set(k.MapKey(), v)
		case f.IsList() && f.Message() != nil:
			for range 2 {
				e := m.Mutable(f).List().NewElement()
				fill(e.Message(), draw, which, within)
				m.Mutable(f).List().Append(e)
			}
		case f.IsList():
			m.Mutable(f).List().Append(draw(f))
			m.Mutable(f).List().Append(draw(f))
		case f.Message() != nil:
			fill(m.Mutable(f).Message(), draw, which, within)
		default:
			m.Set(f, draw(f))
		}
	}
}

// unknown gives a message and those within it a field 1007.
func unknown(m protoreflect.Message) {
	m.SetUnknown(protoreflect.RawFields{0xfa, 0x3e, 1, 'x'})
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil || f.IsMap():
		case f.IsList():
			for i := range v.List().Len() {
				unknown(v.List().Get(i).Message())
			}
		default:
			unknown(v.Message())
		}
		return true
	})
}

func some(f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("left over")
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte("left over"))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(7.5)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(7)
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(7)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(7)
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(1)
	}
	panic("wiretest: fields of kind " + f.Kind().String() + " are new")
}

// Bare drops the messages within m that are empty: everywhere in riskd they mean the same as none.
func Bare(m proto.Message) {
	r := m.ProtoReflect()
	r.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Message() != nil && !f.IsList() && !f.IsMap() {
			Bare(v.Message().Interface())
			if proto.Size(v.Message().Interface()) == 0 {
				r.Clear(f)
			}
		}
		return true
	})
}
