export {
  biasBeta,
  biasFactor,
  biasRefusal,
  layerBias,
  setLayerBias,
  setLayerWeight,
  standBehind,
} from './setLayerParameters';
