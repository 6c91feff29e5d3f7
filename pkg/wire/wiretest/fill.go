// Package wiretest is for tests of whoever uses the memory of messages again.
package wiretest

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Fill sets every field of a message and of those within it to something, two elements where there may be many, and gives each message
// a field that it does not know. What is left of it in a message that was used again was forgotten to be emptied.
func Fill(m proto.Message) { fill(m.ProtoReflect(), 0) }

// depth bounds messages that hold their own kind.
const depth = 8

func fill(m protoreflect.Message, at int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case f.Message() != nil && !f.IsMap() && at == depth:
		case f.IsMap():
			m.Mutable(f).Map().Set(some(f.MapKey()).MapKey(), some(f.MapValue()))
		case f.IsList():
			list := m.Mutable(f).List()
			for range 2 {
				v := list.NewElement()
				if f.Message() != nil {
					fill(v.Message(), at+1)
				} else {
					v = some(f)
				}
				list.Append(v)
			}
		case f.Message() != nil:
			fill(m.Mutable(f).Message(), at+1)
		default:
			m.Set(f, some(f))
		}
	}
	m.SetUnknown(protoreflect.RawFields{0xfa, 0x3e, 1, 'x'}) // field 1007
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
