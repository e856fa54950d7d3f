export { biasFactor, biasRefusal, layerBias, setLayerBias, setLayerWeight } from './setLayerParameters';
