package scorer

func child(string) {}
