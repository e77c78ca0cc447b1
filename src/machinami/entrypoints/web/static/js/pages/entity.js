import "../entity/mn-entity.js";
import { frame } from "../shell/frame.js";

frame(document.createElement("mn-entity"));
