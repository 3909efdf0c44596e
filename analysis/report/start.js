// Shows the interactive parts once they work; without them the static ones stay.

if (startBoard()) {
  at("board").hidden = false;
  at("static-boards").hidden = true;
}
if (startScatter()) at("scatter-absent").hidden = true;
