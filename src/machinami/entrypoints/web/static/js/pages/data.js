import "../data/mn-data.js";
import { frame } from "../shell/frame.js";

frame(document.createElement("mn-data"));
